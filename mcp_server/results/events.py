"""What an event did."""

from __future__ import annotations

from typing import ClassVar

from mcp_server.results.base import AnyJSON, Detail, Result
from mcp_server.results.runs import ErrorInfo, Failure, Status, Wait


class EventRun(Detail):
    """A run that an event started or woke; with `wait`, how it stands at the end of the wait.

    `held` says what keeps its first call waiting.
    """

    keeps_null: ClassVar[frozenset[str]] = frozenset({"output"})

    run_id: str
    function_id: str
    status: Status
    starts_at: str | None = None
    held: str | None = None
    existed: bool | None = None
    duration: str | None = None
    mocked: str | None = None
    unused_mocks: list[str] | None = None
    output: AnyJSON = None
    error: ErrorInfo | None = None
    last_failure: Failure | None = None
    waiting_for: list[Wait] | None = None
    waits_omitted: int | None = None


class NotStartedFunction(Detail):
    """A function that listens to the event and did not start at once, and why.

    `decision` is drop, delay (a run starts at `until`, unless something else happens first) or merge (so it
    does, for other events too); `control` what decided. `run_id` is the run that came of a delay or merge, or
    that stands in the way; `until` of a drop is when such an event would start a run again.
    """

    function_id: str
    decision: str
    control: str | None = None
    reason: str
    until: str | None = None
    run_id: str | None = None


class UnmetWaitInfo(Detail):
    """A run that waits for such an event (`stepName`), or would be cancelled by one, and why not by this."""

    run_id: str
    step_name: str | None = None
    reason: str


class AppProblem(Detail):
    """An app that could not be synced."""

    url: str
    error: str


class SendEventResult(Result):
    """What one event did, known when it was stored."""

    event_id: str
    event_name: str
    status: str
    run_ids: list[str]
    runs: list[EventRun]
    resumed: list[str] | None = None
    resumed_runs: list[EventRun] | None = None
    cancelled: list[str] | None = None
    not_started: list[NotStartedFunction] | None = None
    unmet: list[UnmetWaitInfo] | None = None
    nearest_triggers: list[str] | None = None
    app_errors: list[AppProblem] | None = None
    truncated: str | None = None
