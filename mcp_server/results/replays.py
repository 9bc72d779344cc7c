"""What a replay check found."""

from __future__ import annotations

from mcp_server.results.base import AnyJSON, Detail, Result


class Changed(Detail):
    """One thing as recorded (`was`) and as the code has it now (`now`)."""

    keeps_null = frozenset({"was", "now"})

    what: str
    was: AnyJSON = None
    now: AnyJSON = None


class Difference(Detail):
    """One difference between the code and the record; steps are named as in the code."""

    kind: str
    says: str
    ended_steps: int
    after_step: str | None = None
    recorded_step: str | None = None
    recorded_kind: str | None = None
    found_step: str | None = None
    found_kind: str | None = None
    changes: list[Changed] | None = None


class RepeatedId(Detail):
    """A step id that the run uses more than once."""

    step_name: str
    count: int


class Replays(Detail):
    """What was replayed: `points` of the run can be, `checked` were, in so many `calls`.

    The times are from call to answer, in milliseconds.
    """

    function_id: str
    run_status: str
    points: int
    checked: int
    calls: int
    min_ms: float
    median_ms: float
    max_ms: float
    slow: bool | None = None


class Hints(Detail):
    """What is no difference, and worth a look."""

    repeated_ids: list[RepeatedId] | None = None
    unstable_inputs: list[str] | None = None


class ReplayResult(Result):
    """Whether the present code takes the way that a run took."""

    run_id: str
    deterministic: bool
    difference: Difference | None = None
    further_differences: list[Difference] | None = None
    replays: Replays
    hints: Hints | None = None
    notes: list[str] | None = None
    truncated: str | None = None
