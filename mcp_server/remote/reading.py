"""Fields of what a server sends, read by who expects anything: what does not fit is absent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from durable_engine.http_api.times import parse_rfc3339_ms
from durable_engine.model.json_value import JSONObject, JSONValue

_LONGEST_NAME: Final = 1_000


def an_object(value: JSONValue) -> JSONObject:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: JSONValue) -> Iterator[JSONObject]:
    """Yield the objects of a list; nothing for anything else."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))


def texts(value: JSONValue) -> tuple[str, ...]:
    """Return the texts of a list; nothing for anything else."""
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def text(source: JSONObject, *names: str) -> str | None:
    """Return the first of the fields that holds a text which is not empty."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and value:
            return value[:_LONGEST_NAME]
    return None


def whole(source: JSONObject, name: str) -> int | None:
    """Return a whole number, which may come as text."""
    value = source.get(name)
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def moment(source: JSONObject, *names: str) -> int | None:
    """Return the first of the fields that holds a moment, in Unix milliseconds; year 1 means none."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and not value.startswith("0001-"):
            try:
                return parse_rfc3339_ms(value)
            except (ValueError, OverflowError):
                continue
    return None


def has(source: JSONObject, name: str) -> bool:
    """Whether a field says yes."""
    return source.get(name) is True
