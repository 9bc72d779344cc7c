"""Decide whether an event starts a function, and say why when it does not."""

from __future__ import annotations

from durable_engine.expressions import compile_expression, explain_mismatch
from durable_engine.model.event import Event
from durable_engine.model.function import Trigger


def mismatch(trigger: Trigger, event: Event, *, now_ms: int) -> str | None:
    """Return None when the trigger fires for an event of its name, else the reason in one sentence."""
    if trigger.expression is None:
        return None
    expression = compile_expression(trigger.expression)
    scope = {"event": event.as_payload()}
    if expression.matches(scope, now_ms=now_ms):
        return None
    reason = explain_mismatch(expression, scope, now_ms=now_ms)
    return f"its trigger expression did not match: {reason or trigger.expression}"
