"""Apps and functions as the last sync described them."""

from __future__ import annotations

from dataclasses import dataclass, field

from durable_engine.model.event import INTERNAL_PREFIX
from durable_engine.model.flow import NO_FLOW_CONTROL, FlowControl
from durable_engine.model.json_value import JSONObject

DEFAULT_RETRIES = 4
ENDPOINT_FRAMEWORK = "durable endpoint"
"""Framework of an app that is known by its durable endpoints only: there is nothing to sync."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What starts a function: an event name (with an optional CEL condition) or a cron schedule.

    Each run that the schedule starts is put off by a part of `jitter_ms`, so that not all start at once.
    """

    event: str | None = None
    expression: str | None = None
    cron: str | None = None
    jitter_ms: int = 0

    def matches_name(self, name: str) -> bool:
        """Whether an event of this name may start the function; a trailing `*` is a wildcard."""
        if self.event is None:
            return False
        if not self.event.endswith("*"):
            return name == self.event
        # `*` alone means the app's own events; the engine's are listened to by their prefix.
        is_meant = self.event.startswith(INTERNAL_PREFIX) or not name.startswith(INTERNAL_PREFIX)
        return is_meant and name.startswith(self.event[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOn:
    """An event that cancels a function's runs, for as long as `timeout` says (a duration or a date)."""

    event: str
    expression: str | None = None
    timeout: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of an app.

    `id` is a UUID derived from `slug` (`<app>-<function>`), the same after every restart.
    `retries` is the number of retries after the first attempt. A run is cancelled when its first call
    is not made within `start_timeout_ms`, or when it has not ended `finish_timeout_ms` after that call.
    `config` is the whole configuration as the SDK sent it. `paused_ms` is since when the function is paused,
    by a person and not by a sync.
    """

    id: str
    slug: str
    name: str
    app_name: str
    url: str
    triggers: tuple[Trigger, ...] = ()
    retries: int = DEFAULT_RETRIES
    cancels: tuple[CancelOn, ...] = ()
    start_timeout_ms: int | None = None
    finish_timeout_ms: int | None = None
    flow: FlowControl = NO_FLOW_CONTROL
    paused_ms: int | None = None
    config: JSONObject = field(default_factory=dict)
    is_archived: bool = False

    @property
    def is_endpoint(self) -> bool:
        """Whether this is a durable endpoint, which HTTP requests to the app itself start."""
        return bool(self.config.get("endpoint"))

    @property
    def is_paused(self) -> bool:
        """Whether events start no runs, and runs make no calls."""
        return self.paused_ms is not None

    @property
    def has_timeouts(self) -> bool:
        """Whether runs are cancelled when they take too long."""
        return self.start_timeout_ms is not None or self.finish_timeout_ms is not None

    @property
    def max_attempts(self) -> int:
        """Calls allowed for one queue item, the first included."""
        return self.retries + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app that synced its functions at least once.

    `last_sync_ms` and `sync_error` tell of the newest attempt: no error means it is reachable and in sync.
    """

    id: str
    name: str
    url: str
    sdk: str
    framework: str
    checksum: str
    last_sync_ms: int
    sync_error: str | None = None

    @property
    def is_syncable(self) -> bool:
        """Whether the app can be asked for its functions."""
        return self.framework != ENDPOINT_FRAMEWORK
