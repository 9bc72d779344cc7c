"""What moving time did, as the answer shows it."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result


class Happening(Detail):
    """Something that happened while time passed."""

    at: str
    what: str
    function_id: str
    run_id: str
    step_name: str | None = None


class AdvanceResult(Result):
    """The time as it is now. `complete` is false when the target was not reached within the time-out."""

    engine_time: str
    clock_ahead: str | None = None
    run_id: str | None = None
    run_time: str | None = None
    status: str | None = None
    moved: str
    complete: bool
    happened: list[Happening]
    happened_count: int
    next_due: str | None = None
    open_calls: list[str] | None = None
