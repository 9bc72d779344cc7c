"""Whether two JSON values are the same, and where they first differ."""

from __future__ import annotations

from typing import Final

from durable_engine.model.json_value import JSONValue, to_json

_MOST: Final = 120


def first_difference(expected: JSONValue, actual: JSONValue) -> str | None:
    """Return where two values first differ and how; None when they are the same JSON (1 is 1.0)."""
    return next(iter(differences(expected, actual).values()), None)


def differences(expected: JSONValue, actual: JSONValue, path: str = "$") -> dict[str, str]:
    """Return each place where two values differ, and how, in the order of `expected`."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found: dict[str, str] = {}
        for key, value in expected.items():
            place = f"{path}.{key}"
            found |= (
                differences(value, actual[key], place) if key in actual else {place: f"{place} is missing"}
            )
        more = [key for key in actual if key not in expected]
        return found | {
            f"{path}.{key}": f"{path}.{key} is not expected: {_brief(actual[key])}" for key in more
        }
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return {path: f"{path} has {len(actual)} entries, not {len(expected)}"}
        found = {}
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            found |= differences(one, other, f"{path}[{index}]")
        return found
    if expected == actual and isinstance(expected, bool) == isinstance(actual, bool):
        return {}
    return {path: f"{path} is {_brief(actual)}, not {_brief(expected)}"}


def _brief(value: JSONValue) -> str:
    text = to_json(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
