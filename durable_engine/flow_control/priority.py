"""Priority: how many seconds a run goes ahead of others of its function, or stays behind.

Source: as documented. -600 to 600, clipped; what is no whole number counts as 0. A run with a negative
priority is due so many seconds later, one with a positive one is ahead of those queued that long before it.
"""

from __future__ import annotations

from typing import Final

from durable_engine.expressions import compile_expression
from durable_engine.flow_control.keys import KEY_VARIABLES
from durable_engine.model.json_value import JSONObject

MAX_S: Final = 600


def seconds(priority: str | None, payload: JSONObject, *, now_ms: int) -> int:
    """Return the priority of a run for an event."""
    if priority is None:
        return 0
    expression = compile_expression(priority, variables=KEY_VARIABLES)
    value = expression.evaluate({"event": payload}, now_ms=now_ms)
    if isinstance(value, float) and value.is_integer():  # JSON does not tell 5.0 from 5
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return max(-MAX_S, min(MAX_S, value))
