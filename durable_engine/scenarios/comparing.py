"""Whether two JSON values are the same, and where they first differ."""

from __future__ import annotations

from typing import Final

from durable_engine.model.json_value import JSONValue, to_json

_MOST: Final = 120


def first_difference(expected: JSONValue, actual: JSONValue, path: str = "$") -> str | None:
    """Return where two values first differ and how; None when they are the same JSON (1 is 1.0)."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in expected:
            if key not in actual:
                return f"{path}.{key} is missing"
        for key in actual:
            if key not in expected:
                return f"{path}.{key} is not expected: {_brief(actual[key])}"
        found = (first_difference(value, actual[key], f"{path}.{key}") for key, value in expected.items())
        return next(filter(None, found), None)
    if isinstance(expected, list) and isinstance(actual, list):
        pairs = zip(expected, actual, strict=False)
        found = (first_difference(*pair, f"{path}[{place}]") for place, pair in enumerate(pairs))
        difference = next(filter(None, found), None)
        if difference is None and len(expected) != len(actual):
            return f"{path} has {len(actual)} entries, not {len(expected)}"
        return difference
    is_same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return None if is_same else f"{path} is {_brief(actual)}, not {_brief(expected)}"


def _brief(value: JSONValue) -> str:
    text = to_json(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
