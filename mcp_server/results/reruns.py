"""What came of running a run again."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result
from mcp_server.results.runs import RunFacts


class Edited(Detail):
    """What the new run has otherwise than the original; steps by name."""

    step_input: str | None = None
    step_output: str | None = None
    event_data: bool | None = None


class Repeats(Detail):
    """Which run is repeated, which of its results were taken over, and what was edited."""

    original_run_id: str
    taken_over: list[str] | None = None
    edited: Edited | None = None


class NewRun(RunFacts, Detail):
    """The new run, as far as it has come."""


class RerunResult(Result):
    """A run that repeats another one."""

    run_id: str
    status: str
    repeats: Repeats
    run: NewRun
    notes: list[str] | None = None
    truncated: str | None = None
