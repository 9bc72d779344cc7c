"""How two runs differ."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result
from mcp_server.results.replays import Changed


class ComparedRun(Detail):
    """One of the two runs."""

    run_id: str
    function_id: str
    status: str
    duration_ms: int | None = None
    step_count: int
    original_run_id: str | None = None


class Parting(Detail):
    """Where the runs part: `kind` is step, outcome or attempts; steps are counted from 1."""

    kind: str
    step_number: int
    step_a: str | None = None
    step_b: str | None = None


class ComparedStep(Detail):
    """A step of both runs; what is only given once is the same in both."""

    step_name: str
    status_a: str
    status_b: str | None = None
    attempts_a: int
    attempts_b: int | None = None
    duration_ms_a: int | None = None
    duration_ms_b: int | None = None
    changes: list[Changed] | None = None


class Differences(Detail):
    """What differs besides the steps of both."""

    only_in_a: list[str] | None = None
    only_in_b: list[str] | None = None
    event: list[Changed] | None = None
    result: list[Changed] | None = None


class CompareResult(Result):
    """The differences of run B to run A."""

    same: bool
    run_a: ComparedRun
    run_b: ComparedRun
    first_difference: Parting | None = None
    differences: Differences | None = None
    steps: list[ComparedStep]
    notes: list[str] | None = None
    truncated: str | None = None
