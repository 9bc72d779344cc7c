"""Values during an evaluation: JSON values, instants and spans, and how they turn into text, truth and JSON.

JSON values are plain `None`, `bool`, `int`, `float`, `str`, `list`, `dict`; only the two time types are ours.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from durable_engine.durations import NS_PER_SECOND
from durable_engine.expressions.frame import Frame

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# CEL, section Timestamp: years 1 to 9999; section Duration: as google.protobuf.Duration, about 10,000 years.
_EARLIEST_NS = -62_135_596_800 * NS_PER_SECOND
_LATEST_NS = 253_402_300_800 * NS_PER_SECOND
_LONGEST_NS = 315_576_000_000 * NS_PER_SECOND


class NoValueError(Exception):
    """An operation has no value for these operands; the expression sees null."""


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """An instant, Unix nanoseconds."""

    ns: int

    def __post_init__(self) -> None:
        if not _EARLIEST_NS <= self.ns < _LATEST_NS:
            raise NoValueError

    def __str__(self) -> str:
        seconds, fraction = divmod(self.ns, NS_PER_SECOND)
        whole = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
        return f"{whole}{_fraction(fraction)}Z"

    def datetime(self) -> datetime:
        """Return the instant in UTC; parts of a microsecond are cut."""
        return _EPOCH + timedelta(microseconds=self.ns // 1_000)


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time, nanoseconds, possibly negative."""

    ns: int

    def __post_init__(self) -> None:
        if abs(self.ns) > _LONGEST_NS:
            raise NoValueError

    def __str__(self) -> str:
        seconds, fraction = divmod(abs(self.ns), NS_PER_SECOND)
        return f"{'-' if self.ns < 0 else ''}{seconds}{_fraction(fraction)}s"


def is_number(value: object) -> bool:
    """Tell whether the value is a number; true and false are not."""
    return type(value) is int or type(value) is float


def is_truthy(value: object) -> bool:
    """Tell whether a value counts as true: null, false, 0, NaN and "" do not, all else does, even [] and {}.

    Source: Inngest lets `&&` and `||` take any value; the falsy ones are JavaScript's, its first language.
    """
    if value is True or value is False:
        return value
    if value is None or value == "":
        return False
    return not (is_number(value) and (value == 0 or value != value))  # noqa: PLR0124 - NaN differs from itself


def as_text(value: object) -> str:
    """Return a value as text, as concatenation and keys need it; null is no text at all.

    A float without a fraction reads as an integer (`42.0` is "42"), as JSON numbers do in Inngest. Lists and
    maps become compact JSON.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        # From 1e21 on, JavaScript and Go print an exponent.
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def to_json(value: object, frame: Frame) -> object:
    """Return the value with instants and spans as text, and numbers that JSON cannot hold as null.

    The work is charged by the size of the JSON text: an expression can put one large string into a list a
    thousand times at no cost, but whoever writes that list down cannot.
    """
    frame.charge(1)
    if isinstance(value, str):
        frame.charge(len(value) >> 3)
        return value
    if isinstance(value, list):
        return [to_json(item, frame) for item in value]
    if isinstance(value, dict):
        return {to_json(key, frame): to_json(item, frame) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Timestamp | Duration) else value


def kind_of(value: object) -> str:
    """Return what a person calls this kind of value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false value"
    names = {int: "number", float: "number", str: "string", list: "list", dict: "map"}
    return names.get(type(value), type(value).__name__.lower())


def _fraction(nanoseconds: int) -> str:
    return f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
