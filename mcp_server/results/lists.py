"""Lists of runs and events, and the end of a run by request."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result
from mcp_server.results.runs import Status


class RunLine(Detail):
    """One run of a list. `received_at` is the engine's time, where the run's own (all others) was skipped.

    `waits_for` says what an open one waits for or does; `error` or `cancelled` why another one ended.
    """

    run_id: str
    function_id: str
    status: Status
    event_name: str
    event_id: str
    queued_at: str
    received_at: str | None = None
    duration: str | None = None
    waits_for: str | None = None
    error: str | None = None
    cancelled: str | None = None
    parent_run_id: str | None = None
    original_run_id: str | None = None


class RunListResult(Result):
    """Runs, newest first; `next_cursor` when there are more."""

    count: int
    runs: list[RunLine]
    next_cursor: str | None = None
    truncated: str | None = None


class ListedRun(Detail):
    """A run that an event started, or that another one invoked, as it is now."""

    run_id: str
    function_id: str
    status: Status


class EventLine(Detail):
    """One event of a list. `given_id` is the id that its sender gave it; `ts` where it is not `received_at`.

    `sent_by` says where it came from as far as the engine knows, `sent_by_run_id` from which run. `run_count`
    counts the runs when not all are named; `woken` waits that it ended, `cancelled` runs that it cancelled.
    """

    event_id: str
    given_id: str | None = None
    name: str
    received_at: str
    ts: str | None = None
    sent_by: str
    sent_by_run_id: str | None = None
    runs: list[ListedRun]
    run_count: int | None = None
    woken: int | None = None
    cancelled: int | None = None
    not_started: list[str] | None = None
    nothing_because: str | None = None


class EventListResult(Result):
    """Events, newest first; `next_cursor` when there are more."""

    count: int
    events: list[EventLine]
    next_cursor: str | None = None
    truncated: str | None = None


class CancelRunResult(Result):
    """The run after it was cancelled. `open_calls` are steps that were being executed then, or "function".

    `open_child_runs` are runs that it had invoked, which go on.
    """

    run_id: str
    function_id: str
    status: Status
    cancelled: str | None = None
    ended_at: str | None = None
    duration: str | None = None
    already_cancelled: bool | None = None
    open_calls: list[str] | None = None
    open_child_runs: list[ListedRun] | None = None
    parent_run_id: str | None = None
