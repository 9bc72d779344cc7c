"""Keys: one limit for each value of an expression over the event that starts a run."""

from __future__ import annotations

import hashlib
from typing import Final

from durable_engine.expressions import as_text, compile_expression
from durable_engine.model.json_value import JSONObject, is_storable, to_json

KEY_VARIABLES: Final = frozenset({"event", "vars"})
_LONGEST: Final = 200
_SHOWN: Final = 60


def key_value(key: str | None, payload: JSONObject, *, now_ms: int) -> str:
    """Return the value of a key for an event, as text; "" without a key.

    Text that is long, or that no table can hold, is hashed: values stay apart.
    """
    if key is None:
        return ""
    text = as_text(_evaluate(key, payload, now_ms=now_ms))
    if len(text) <= _LONGEST and is_storable(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_false(key: str | None, payload: JSONObject, *, now_ms: int) -> bool:
    """Whether the key is exactly false for an event."""
    return key is not None and _evaluate(key, payload, now_ms=now_ms) is False


def for_key(key: str | None, value: str) -> str:
    """Return what a sentence says of a key and its value: ' for event.data.user = "u1"'."""
    if key is None:
        return ""
    return f" for {shown_key(key)} = {to_json(_cut(value))}"


def shown_key(key: str) -> str:
    """Return a key's expression as a sentence shows it: on one line, and cut."""
    return _cut(" ".join(key.split()))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _evaluate(key: str, payload: JSONObject, *, now_ms: int) -> object:
    expression = compile_expression(key, variables=KEY_VARIABLES)
    return expression.evaluate({"event": payload}, now_ms=now_ms)
