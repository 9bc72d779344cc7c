"""What the runs of a function have shown, and what not."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result


class Seen(Detail):
    """How often something was seen; `name` is a status, a trigger, a control, or what cancelled runs."""

    name: str
    count: int


class CoveredStep(Detail):
    """Steps of one name over all runs; counts that are zero are left out."""

    step_name: str
    kind: str
    runs: int
    completed: int | None = None
    failed: int | None = None
    retried: int | None = None
    timed_out: int | None = None
    cancelled: int | None = None
    open: int | None = None
    doubled: int | None = None
    not_run: int | None = None


class BranchInfo(Detail):
    """After one step came another, in so many runs; start and end are those of the run."""

    after: str
    came: str
    runs: int


class NeverSeen(Detail):
    """Something that no run has shown."""

    kind: str
    subject: str | None = None
    says: str


class Overall(Detail):
    """What was seen of the runs as a whole; `older_runs` were left out."""

    function_id: str
    runs: int
    older_runs: bool | None = None
    outcomes: list[Seen]
    triggers: list[Seen] | None = None
    cancelled_by: list[Seen] | None = None
    flow_control: list[Seen] | None = None
    failure_handler_runs: int | None = None
    failed_outside_steps: int | None = None


class CoverageResult(Result):
    """What the newest recorded runs of a function have shown."""

    overall: Overall
    steps: list[CoveredStep]
    branches: list[BranchInfo]
    never_seen: list[NeverSeen]
    suggestions: list[str] | None = None
    notes: list[str] | None = None
    truncated: str | None = None
