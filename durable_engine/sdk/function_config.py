"""Read a function's configuration from a sync: triggers, retries, cancelOn, timeouts.

Every reader raises InvalidFunctionError with what is wrong and what is allowed. Source: limits and shapes of
the Inngest sync as observed. A cron trigger has `cron` and, in Python 0.5.19 and TypeScript 4.24, `jitter`:
text as the user wrote it, such as "30s"; without one Python sends null and TypeScript nothing. TypeScript 3
never sends it. Where `*` may stand in an event's name: as documented.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from durable_engine.durations import parse_due_ms, parse_duration_ms
from durable_engine.errors import (
    InvalidCronError,
    InvalidDurationError,
    InvalidExpressionError,
    InvalidFunctionError,
)
from durable_engine.expressions import compile_expression
from durable_engine.model.function import DEFAULT_RETRIES, CancelOn, Trigger
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.schedules import MAX_SCHEDULE_CHARS, Schedule

MAX_TRIGGERS: Final = 10
MAX_NAME_CHARS: Final = 255
MAX_RETRIES: Final = 20
MAX_CANCELS: Final = 5
MIN_JITTER_MS: Final = 1_000
MAX_JITTER_MS: Final = 300_000
EVENT_VARIABLES: Final = frozenset({"event", "vars"})
_CANCEL_VARIABLES: Final = frozenset({"event", "async", "vars"})


def fold(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping whose keys are compared without case, underscores and dashes."""
    return {str(key).lower().replace("_", "").replace("-", ""): value for key, value in mapping.items()}


def read_retries(step: JSONObject, slug: str) -> int:
    """Return how many retries a function's one entry in `steps` asks for."""
    retries = step.get("retries")
    attempts = retries.get("attempts") if isinstance(retries, dict) else None
    if attempts is None:
        return DEFAULT_RETRIES
    if not isinstance(attempts, int) or isinstance(attempts, bool) or not 0 <= attempts <= MAX_RETRIES:
        raise InvalidFunctionError(
            f"Function {slug!r} asks for {attempts!r} retries; 0 to {MAX_RETRIES} are allowed."
        )
    return attempts


def read_triggers(triggers: JSONValue, slug: str) -> tuple[Trigger, ...]:
    """Return what starts the function `slug`."""
    if not isinstance(triggers, list):
        triggers = []
    if len(triggers) > MAX_TRIGGERS:
        raise InvalidFunctionError(
            f"Function {slug!r} has {len(triggers)} triggers; at most {MAX_TRIGGERS} are allowed."
        )
    read = tuple(_read_trigger(trigger, slug) for trigger in triggers)
    seen = set[tuple[str | None, ...]]()
    for trigger in read:
        # Another jitter or other spaces do not make another schedule.
        key = (trigger.event, trigger.expression, trigger.cron and " ".join(trigger.cron.split()))
        if key in seen:
            what = f"the event {trigger.event!r}" if trigger.event else f"the cron schedule {trigger.cron!r}"
            raise InvalidFunctionError(
                f"Function {slug!r} has the same trigger twice, {what}; each may stand once."
            )
        seen.add(key)
    return read


def _read_trigger(trigger: JSONValue, slug: str) -> Trigger:
    fields = fold(trigger) if isinstance(trigger, dict) else {}
    event, cron = fields.get("event"), fields.get("cron")
    if isinstance(cron, str) and cron:
        return _read_cron(cron, fields.get("jitter"), slug)
    if not isinstance(event, str) or not event or len(event) > MAX_NAME_CHARS:
        raise InvalidFunctionError(
            f"A trigger of function {slug!r} needs an `event` name of at most {MAX_NAME_CHARS} characters "
            "or a `cron` schedule."
        )
    _check_wildcard(event, slug)
    of = f"The trigger expression of function {slug!r}"
    expression = read_expression(fields.get("expression"), of, variables=EVENT_VARIABLES)
    return Trigger(event=event, expression=expression)


def _check_wildcard(event: str, slug: str) -> None:
    prefix = event.removesuffix("*")
    if "*" not in prefix and (prefix == event or not prefix or prefix.endswith(("/", "."))):
        return
    parent = re.match(r"[^*]*[/.]", prefix)
    instead = f"; write {parent[0] + '*'!r}" if parent else ""
    raise InvalidFunctionError(
        f"The trigger {event!r} of function {slug!r} may have `*` only as its last character, alone or right "
        f"after `/` or `.`{instead}."
    )


def _read_cron(cron: str, jitter: JSONValue, slug: str) -> Trigger:
    shown = repr(cron if len(cron) <= MAX_SCHEDULE_CHARS else cron[:MAX_SCHEDULE_CHARS] + "...")
    of = f"The cron schedule {shown} of function {slug!r}"
    try:
        Schedule.parse(cron)
    except InvalidCronError as fault:
        raise InvalidFunctionError(f"{of} cannot be used: {fault}.") from fault
    if jitter is None or jitter == "":
        return Trigger(cron=cron)
    try:
        jitter_ms = parse_duration_ms(jitter) if isinstance(jitter, str) else 0
    except InvalidDurationError as fault:
        raise InvalidFunctionError(f"{of} has a jitter that cannot be used: {fault}.") from fault
    if not MIN_JITTER_MS <= jitter_ms <= MAX_JITTER_MS:
        found = repr(jitter)[:60]
        raise InvalidFunctionError(f"{of} has a jitter of {found}; text from '1s' to '5m' is allowed.")
    return Trigger(cron=cron, jitter_ms=jitter_ms)


def read_expression(expression: JSONValue, of: str, *, variables: frozenset[str]) -> str | None:
    """Return a CEL expression that compiles; `of` begins the sentence that says what is wrong with it."""
    if expression is None or expression == "":
        return None
    if not isinstance(expression, str):
        raise InvalidFunctionError(f"{of} must be text.")
    try:
        compile_expression(expression, variables=variables)
    except InvalidExpressionError as fault:
        raise InvalidFunctionError(f"{of} does not compile: {fault}") from fault
    return expression


def read_cancels(cancels: JSONValue, slug: str) -> tuple[CancelOn, ...]:
    """Return the events that cancel runs of the function `slug`."""
    entries = cancels if isinstance(cancels, list) else []
    if len(entries) > MAX_CANCELS:
        raise InvalidFunctionError(
            f"Function {slug!r} has {len(entries)} entries in cancelOn; at most {MAX_CANCELS} are allowed."
        )
    return tuple(_read_cancel(entry, slug) for entry in entries)


def _read_cancel(entry: JSONValue, slug: str) -> CancelOn:
    fields = fold(entry) if isinstance(entry, dict) else {}
    event = fields.get("event")
    if not isinstance(event, str) or not event or len(event) > MAX_NAME_CHARS:
        raise InvalidFunctionError(
            f"Each cancelOn of function {slug!r} needs an `event` name of at most {MAX_NAME_CHARS} "
            "characters."
        )
    of = f"The cancelOn expression of function {slug!r}"
    expression = read_expression(fields.get("if"), of, variables=_CANCEL_VARIABLES)
    timeout = fields.get("timeout") or None
    if timeout is not None:
        try:
            parse_due_ms(str(timeout), now_ms=0)
        except InvalidDurationError as fault:
            raise InvalidFunctionError(f"The cancelOn timeout of function {slug!r}: {fault}") from fault
    return CancelOn(event=event, expression=expression, timeout=None if timeout is None else str(timeout))


def read_timeout(timeouts: JSONValue, name: str, slug: str) -> int | None:
    """Return one of a function's time-outs, `start` or `finish`, in milliseconds; none for one of 0."""
    value = fold(timeouts).get(name) if isinstance(timeouts, dict) else None
    if not value:
        return None
    try:
        return parse_duration_ms(str(value)) or None
    except InvalidDurationError as fault:
        raise InvalidFunctionError(f"timeouts.{name} of function {slug!r}: {fault}") from fault
