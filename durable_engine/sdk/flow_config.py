"""Read a function's flow control from a sync.

Every reader raises InvalidFunctionError with what is wrong and what is allowed. Source: the published
documentation of each control, and the shapes that the SDKs send.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durable_engine.durations import format_duration, parse_duration_ms
from durable_engine.errors import InvalidDurationError, InvalidFunctionError
from durable_engine.model.flow import (
    Batch,
    Concurrency,
    Debounce,
    FlowControl,
    RateLimit,
    Scope,
    Singleton,
    SingletonMode,
    Throttle,
)
from durable_engine.model.json_value import JSONValue
from durable_engine.sdk.function_config import EVENT_VARIABLES, fold, read_expression

MAX_CONCURRENCY: Final = 2
MAX_LIMIT: Final = 1_000_000_000
_SECOND: Final = 1_000
_DAY: Final = 86_400 * _SECOND
_SHOWN: Final = 60
_CANNOT_BATCH: Final = ("cancel", "debounce", "singleton", "priority")


def read_flow(fields: Mapping[str, Any], slug: str) -> FlowControl:
    """Return the flow control of the function `slug`; `fields` are its folded configuration."""
    reader = _Reader(slug)
    batch = reader.batch(fields.get("batchevents"))
    if batch is not None:
        for name in _CANNOT_BATCH:
            if fields.get(name):
                raise InvalidFunctionError(
                    f"Function {slug!r} has batchEvents and {name}, which cannot be combined; leave one out."
                )
    return FlowControl(
        concurrency=reader.concurrency(fields.get("concurrency")),
        throttle=reader.throttle(fields.get("throttle")),
        rate_limit=reader.rate_limit(fields.get("ratelimit")),
        debounce=reader.debounce(fields.get("debounce")),
        batch=batch,
        singleton=reader.singleton(fields.get("singleton")),
        priority=reader.priority(fields.get("priority")),
        idempotency=reader.expression(fields.get("idempotency"), "idempotency"),
    )


class _Reader:
    """Reads the entries of one function; what is absent, null or empty configures nothing."""

    def __init__(self, slug: str) -> None:
        self._slug = slug

    def concurrency(self, value: JSONValue) -> tuple[Concurrency, ...]:
        fields = fold(value) if isinstance(value, dict) else {}
        if fields.get("fn"):
            raise self._fault("concurrency.fn, a limit of whole runs; Stepcue supports limits of steps only")
        if "step" in fields or "fn" in fields:
            value = fields.get("step")
        entries = value if isinstance(value, list) else [value]
        if len(entries) > MAX_CONCURRENCY:
            raise self._fault(f"{len(entries)} concurrency limits; at most {MAX_CONCURRENCY} are allowed")
        limits = [self._concurrency(entry) for entry in entries if entry]
        return tuple(limit for limit in limits if limit.limit > 0)  # 0 is no limit, as documented

    def _concurrency(self, entry: JSONValue) -> Concurrency:
        is_limit = isinstance(entry, int | float)
        fields = {"limit": entry} if is_limit else self._fields(entry, "concurrency")
        scope = fields.get("scope") or Scope.FUNCTION.value
        if not isinstance(scope, str) or scope not in set(Scope):
            raise self._fault(f"the concurrency scope {_shown(scope)}; allowed are {', '.join(Scope)}")
        key = self.expression(fields.get("key"), "concurrency.key")
        if key is None and scope != Scope.FUNCTION:
            raise self._fault(f"a concurrency limit of scope {scope!r} without a key, such as '\"openai\"'")
        limit = self._number(fields, "concurrency", "limit", least=0)
        return Concurrency(limit=limit, key=key, scope=Scope(scope))

    def throttle(self, value: JSONValue) -> Throttle | None:
        if not value:
            return None
        fields = self._fields(value, "throttle")
        burst = fields.get("burst") or 1
        return Throttle(
            limit=self._number(fields, "throttle", "limit", least=1),
            period_ms=self._period(fields, "throttle", "period", least=_SECOND, most=7 * _DAY),
            burst=self._number({"burst": burst}, "throttle", "burst", least=1),
            key=self.expression(fields.get("key"), "throttle.key"),
        )

    def rate_limit(self, value: JSONValue) -> RateLimit | None:
        if not value:
            return None
        fields = self._fields(value, "rateLimit")
        return RateLimit(
            limit=self._number(fields, "rateLimit", "limit", least=1),
            period_ms=self._period(fields, "rateLimit", "period", least=_SECOND, most=_DAY),
            key=self.expression(fields.get("key"), "rateLimit.key"),
        )

    def debounce(self, value: JSONValue) -> Debounce | None:
        if not value:
            return None
        fields = self._fields(value, "debounce")
        timeout_ms = None
        if fields.get("timeout"):
            timeout_ms = self._period(fields, "debounce", "timeout", least=_SECOND)
        return Debounce(
            period_ms=self._period(fields, "debounce", "period", least=_SECOND, most=7 * _DAY),
            timeout_ms=timeout_ms,
            key=self.expression(fields.get("key"), "debounce.key"),
        )

    def batch(self, value: JSONValue) -> Batch | None:
        if not value:
            return None
        fields = self._fields(value, "batchEvents")
        return Batch(
            max_size=self._number(fields, "batchEvents", "maxSize", least=1),
            timeout_ms=self._period(fields, "batchEvents", "timeout", least=_SECOND),
            key=self.expression(fields.get("key"), "batchEvents.key"),
            condition=self.expression(fields.get("if"), "batchEvents.if"),
        )

    def singleton(self, value: JSONValue) -> Singleton | None:
        if not value:
            return None
        fields = self._fields(value, "singleton")
        mode = fields.get("mode") or SingletonMode.SKIP.value
        if not isinstance(mode, str) or mode not in set(SingletonMode):
            raise self._fault(f"the singleton mode {_shown(mode)}; allowed are {', '.join(SingletonMode)}")
        return Singleton(mode=SingletonMode(mode), key=self.expression(fields.get("key"), "singleton.key"))

    def priority(self, value: JSONValue) -> str | None:
        if not value:
            return None
        return self.expression(self._fields(value, "priority").get("run"), "priority.run")

    def expression(self, value: JSONValue, name: str) -> str | None:
        of = f"{name} of function {self._slug!r}"
        return read_expression(value, of, variables=EVENT_VARIABLES)

    def _fields(self, value: JSONValue, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._fault(f"{name} of {_shown(value)}; an object is needed")
        return fold(value)

    def _number(self, fields: Mapping[str, Any], of: str, name: str, *, least: int) -> int:
        value = fields.get(name.lower())
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        allowed = f"a whole number from {least} to {MAX_LIMIT:,} is needed"
        if value is None:
            raise self._fault(f"no {of}.{name}; {allowed}")
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_LIMIT:
            raise self._fault(f"{of}.{name} of {_shown(value)}; {allowed}")
        return value

    def _period(
        self, fields: Mapping[str, Any], of: str, name: str, *, least: int, most: int | None = None
    ) -> int:
        value = fields.get(name)
        end = "on" if most is None else f"to '{format_duration(most)}'"
        allowed = f"text from '{format_duration(least)}' {end} is needed"
        if value is None or value == "":
            raise self._fault(f"no {of}.{name}; {allowed}")
        try:
            length_ms = parse_duration_ms(str(value))
        except InvalidDurationError as fault:
            raise self._fault(f"{of}.{name} that cannot be read: {fault}") from fault
        if length_ms < least or (most is not None and length_ms > most):
            raise self._fault(f"{of}.{name} of {_shown(value)}; {allowed}")
        return length_ms

    def _fault(self, what: str) -> InvalidFunctionError:
        return InvalidFunctionError(f"Function {self._slug!r} has {what}.")


def _shown(value: JSONValue) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
