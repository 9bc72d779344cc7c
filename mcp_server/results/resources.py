"""What resources show of runs and functions beside what tools show."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result
from mcp_server.results.functions import FunctionInfo


class RunLine(Detail):
    """One run in a list."""

    run_id: str
    function_id: str
    status: str
    event_name: str
    queued_at: str | None = None
    ended_at: str | None = None
    error: str | None = None


class RecentRuns(Result):
    """The newest runs."""

    runs: list[RunLine]


class SeenStep(Detail):
    """A step that recent runs of a function came to."""

    step_id: str
    kind: str


class FunctionDetail(Result):
    """A function, the steps that its runs came to, and the newest of these."""

    function: FunctionInfo
    steps_seen: list[SeenStep]
    recent_runs: list[RunLine]
    truncated: str | None = None
