"""Flow control as a function configures it. Keys and conditions are CEL over the event that starts a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Whose runs share a concurrency limit: those of the function, of the environment, of the account."""

    FUNCTION = "fn"
    ENVIRONMENT = "env"
    ACCOUNT = "account"


class SingletonMode(StrEnum):
    """What happens to a second run: SKIP does not start it, CANCEL cancels the first."""

    SKIP = "skip"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """At most `limit` calls are open at once, for each value of `key`."""

    limit: int
    key: str | None = None
    scope: Scope = Scope.FUNCTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """`limit` runs start per `period_ms`, spread evenly, up to `burst` of them at once; the others wait."""

    limit: int
    period_ms: int
    burst: int = 1
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """`limit` runs start per `period_ms`, spread evenly; further events start none."""

    limit: int
    period_ms: int
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Debounce:
    """A run starts when no event has come for `period_ms`, at the latest `timeout_ms` after the first."""

    period_ms: int
    timeout_ms: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One run for up to `max_size` events that come within `timeout_ms`; `condition` says which of them."""

    max_size: int
    timeout_ms: int
    key: str | None = None
    condition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Singleton:
    """One run at a time, for each value of `key`."""

    mode: SingletonMode
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowControl:
    """All that limits when runs of a function start and how fast they go; `priority` is CEL for seconds."""

    concurrency: tuple[Concurrency, ...] = ()
    throttle: Throttle | None = None
    rate_limit: RateLimit | None = None
    debounce: Debounce | None = None
    batch: Batch | None = None
    singleton: Singleton | None = None
    priority: str | None = None
    idempotency: str | None = None

    @property
    def has_lanes(self) -> bool:
        """Whether the calls of runs have to wait for their turn."""
        return bool(self.concurrency) or self.throttle is not None or self.priority is not None


NO_FLOW_CONTROL = FlowControl()
