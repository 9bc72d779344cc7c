"""Event data that meet the condition of a wait, as far as its equalities tell them."""

from __future__ import annotations

from durable_engine.expressions import Constant, Expression, Path
from durable_engine.model.event import Event
from durable_engine.model.json_value import JSONObject, JSONValue

_INCOMING = "async"
_DATA = "data"


def data_that_meets(
    expression: Expression | None, event: Event, *, name: str, now_ms: int
) -> JSONObject | None:
    """Return data of an event `name` for which the expression holds, for a run that `event` started.

    None when the equalities in it do not tell enough; nothing is guessed.
    """
    if expression is None:
        return {}
    own = {"event": event.as_payload()}
    data: JSONObject = {}
    for pair in expression.equalities():
        keys = pair.left.keys
        if pair.left.root != _INCOMING or not keys or keys[0] != _DATA or len(keys) == 1:
            continue
        if isinstance(pair.right, Path) and pair.right.root == _INCOMING:
            continue
        value = pair.right.value if isinstance(pair.right, Constant) else pair.right.lookup(own)
        if not _put(data, keys[1:], value):
            return None
    incoming = {"name": name, _DATA: data, "id": "", "ts": now_ms, "user": {}}
    return data if expression.matches({**own, _INCOMING: incoming}, now_ms=now_ms) else None


def _put(data: JSONObject, keys: tuple[str | int, ...], value: JSONValue) -> bool:
    """Set a value at a place in nested objects; False for a place in a list."""
    *path, last = keys
    place: JSONValue = data
    for key in path:
        if isinstance(key, int) or not isinstance(place, dict):
            return False
        place = place.setdefault(key, {})
    if isinstance(last, int) or not isinstance(place, dict):
        return False
    place[last] = value
    return True
