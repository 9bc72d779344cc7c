"""Read a function's configuration from a sync: triggers, retries, cancelOn, timeouts.

Every reader raises InvalidFunctionError with what is wrong and what is allowed. Source: limits and shapes of
the Inngest sync as observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durable_engine.durations import parse_due_ms, parse_duration_ms
from durable_engine.errors import InvalidDurationError, InvalidExpressionError, InvalidFunctionError
from durable_engine.expressions import compile_expression
from durable_engine.model.function import DEFAULT_RETRIES, CancelOn, Trigger
from durable_engine.model.json_value import JSONObject, JSONValue

MAX_TRIGGERS: Final = 10
MAX_NAME_CHARS: Final = 255
MAX_RETRIES: Final = 20
MAX_CANCELS: Final = 5
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
    return tuple(_read_trigger(trigger, slug) for trigger in triggers)


def _read_trigger(trigger: JSONValue, slug: str) -> Trigger:
    fields = fold(trigger) if isinstance(trigger, dict) else {}
    event, cron = fields.get("event"), fields.get("cron")
    if isinstance(cron, str) and cron:
        return Trigger(cron=cron)
    if not isinstance(event, str) or not event or len(event) > MAX_NAME_CHARS:
        raise InvalidFunctionError(
            f"A trigger of function {slug!r} needs an `event` name of at most {MAX_NAME_CHARS} characters "
            "or a `cron` schedule."
        )
    if "*" in event[:-1]:
        raise InvalidFunctionError(
            f"The trigger {event!r} of function {slug!r} may have `*` only as its last character."
        )
    of = f"The trigger expression of function {slug!r}"
    expression = read_expression(fields.get("expression"), of, variables=EVENT_VARIABLES)
    return Trigger(event=event, expression=expression)


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
