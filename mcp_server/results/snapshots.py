"""What taking a snapshot, restoring one and resetting did, as the answers show it."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result


class State(Detail):
    """What a state holds: runs by status, and what is to come by itself."""

    runs: dict[str, int]
    events: int
    timers: int
    starts_to_come: int
    standing_doubles: int


class SnapshotItem(Detail):
    """A snapshot that can be restored, or what is wrong with it."""

    name: str
    engine_time: str | None = None
    taken_at: str | None = None
    size: str
    fault: str | None = None


class AppItem(Detail):
    """An app that was synced again."""

    name: str | None = None
    url: str
    changed: bool
    error: str | None = None


class Lost(Detail):
    """How many runs exist no more, and the newest of them."""

    count: int
    newest: list[str]


class SnapshotResult(Result):
    """A snapshot that was taken; `saved` is false when an app did not answer in time."""

    saved: bool
    engine_time: str
    state: State | None = None
    snapshots: list[SnapshotItem] | None = None
    open_calls: list[str] | None = None


class RestoreResult(Result):
    """The state that is back; `done` is false when an app did not answer in time, and nothing has changed."""

    done: bool
    engine_time: str
    clock_ahead: str | None = None
    clock_behind: str | None = None
    state: State | None = None
    apps: list[AppItem] | None = None
    lost: Lost | None = None
    open_calls: list[str] | None = None


class ResetResult(Result):
    """The empty engine; `done` is false when an app did not answer in time, and nothing has changed."""

    done: bool
    engine_time: str
    lost: Lost | None = None
    dropped_snapshots: list[str] | None = None
    open_calls: list[str] | None = None
