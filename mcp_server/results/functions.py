"""Functions and apps, as list_functions shows them."""

from __future__ import annotations

from mcp_server.results.base import AnyJSON, Detail, Result


class TriggerInfo(Detail):
    """What starts a function: an event (with an optional condition) or a cron schedule."""

    event: str | None = None
    expression: str | None = None
    cron: str | None = None
    jitter: str | None = None
    next_run_at: str | None = None


class FunctionInfo(Detail):
    """One function, as its app's last sync described it; `paused_since` when a person paused it.

    `standingMocks` stand in for its steps in every run until they expire.
    """

    id: str
    name: str
    app_id: str
    triggers: list[TriggerInfo]
    retries: int
    flow_control: AnyJSON = None
    cancel_on: AnyJSON = None
    timeouts: AnyJSON = None
    paused_since: str | None = None
    standing_mocks: list[str] | None = None
    reachable: bool
    last_sync: str | None = None


class PauseResult(Result):
    """A function after it was paused or resumed."""

    function_id: str
    paused: bool
    paused_since: str | None = None


class AppInfo(Detail):
    """An app, or a URL that was asked for and has not synced yet."""

    app_id: str | None = None
    url: str
    sdk: str | None = None
    framework: str | None = None
    reachable: bool
    last_sync: str | None = None
    error: str | None = None


class ListFunctionsResult(Result):
    """The functions that can be started now; `total` counts those before the filter.

    `warnings` name features that apps asked for and this engine does not have.
    """

    count: int
    total: int
    functions: list[FunctionInfo]
    apps: list[AppInfo]
    clock_ahead: str | None = None
    warnings: list[str] | None = None
    nearest: list[str] | None = None
    truncated: str | None = None
