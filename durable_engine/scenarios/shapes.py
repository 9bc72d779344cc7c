"""Shapes of values, to expect where the value itself differs from run to run: {"$any": "uuid"}."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from durable_engine.model.json_value import JSONValue

ANY: Final = "$any"
ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")
UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")


def _text(form: re.Pattern[str]) -> Callable[[JSONValue], bool]:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


SHAPES: Final[Mapping[str, Callable[[JSONValue], bool]]] = {
    "ulid": _text(ULID),
    "uuid": _text(UUID),
    "date": _text(DATE),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "value": lambda _: True,
}


def shape_of(expected: JSONValue) -> str | None:
    """Return the shape that is expected; None where a value is."""
    if not isinstance(expected, dict) or len(expected) != 1:
        return None
    shape = expected.get(ANY)
    return shape if isinstance(shape, str) and shape in SHAPES else None
