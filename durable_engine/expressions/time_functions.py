"""Functions on instants and spans, and conversions, each called with the frame and its arguments.

NoValueError means null. The only clock is `frame.now_ms`.

Source: CEL language definition, section Standard Definitions (timestamp, duration, getters, conversions);
Inngest's own date, now, now_plus, now_minus.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo

from durable_engine.durations import (
    NS_PER_MS,
    NS_PER_SECOND,
    parse_date_ns,
    parse_duration_ns,
    parse_rfc3339_ns,
)
from durable_engine.expressions.frame import Frame
from durable_engine.expressions.literals import INT64_MAX, INT64_MIN
from durable_engine.expressions.text_functions import text
from durable_engine.expressions.values import Duration, NoValueError, Timestamp, is_number

_MAX_NUMBER_TEXT = 400
_INTEGER = re.compile(rf"-?[0-9]{{1,{_MAX_NUMBER_TEXT}}}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MAX_ZONE_TEXT = 64
_TRUE_WORDS = ("true", "True", "TRUE", "t", "T", "1")
_FALSE_WORDS = ("false", "False", "FALSE", "f", "F", "0")
_Getter: TypeAlias = Callable[..., object]


def now(frame: Frame) -> object:
    """Return the time of the evaluation."""
    return Timestamp(frame.now_ms * NS_PER_MS)


def now_plus(frame: Frame, span: object) -> object:
    """Return the time of the evaluation plus a duration such as "1h"."""
    return Timestamp(frame.now_ms * NS_PER_MS + _span_ns(span))


def now_minus(frame: Frame, span: object) -> object:
    """Return the time of the evaluation minus a duration such as "1h"."""
    return Timestamp(frame.now_ms * NS_PER_MS - _span_ns(span))


def duration(_frame: Frame, value: object) -> object:
    """Convert a string such as "1h30m" to a span."""
    return Duration(_span_ns(value))


def timestamp(_frame: Frame, value: object) -> object:
    """Convert an RFC 3339 string or Unix seconds to an instant."""
    if isinstance(value, Timestamp):
        return value
    if is_number(value):
        return Timestamp(int(value * NS_PER_SECOND))  # type: ignore[operator] # a number
    return Timestamp(parse_rfc3339_ns(text(value)))


def date(_frame: Frame, value: object) -> object:
    """Convert a date in any accepted style, or Unix milliseconds such as `event.ts`, to an instant."""
    if isinstance(value, Timestamp):
        return value
    if is_number(value):
        return Timestamp(int(value * NS_PER_MS))  # type: ignore[operator] # a number
    return Timestamp(parse_date_ns(text(value)))


def to_int(_frame: Frame, value: object) -> object:
    """Convert to an integer: floats are cut, instants are Unix seconds."""
    if isinstance(value, Timestamp):
        return value.ns // NS_PER_SECOND
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise NoValueError
    if isinstance(value, str) and _INTEGER.fullmatch(value[: _MAX_NUMBER_TEXT + 1]) is None:
        raise NoValueError
    number = int(value)
    if not INT64_MIN <= number <= INT64_MAX:
        raise NoValueError
    return number


def to_uint(frame: Frame, value: object) -> object:
    """Convert to an integer that is not negative."""
    number = to_int(frame, value)
    if not isinstance(number, int) or number < 0:
        raise NoValueError
    return number


def to_double(_frame: Frame, value: object) -> object:
    """Convert to a floating-point number; the result is always finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise NoValueError
    if isinstance(value, str) and _NUMBER.fullmatch(value[: _MAX_NUMBER_TEXT + 1]) is None:
        raise NoValueError
    number = float(value)
    if number - number != 0:  # not finite
        raise NoValueError
    return number


def to_bool(_frame: Frame, value: object) -> object:
    """Convert "true", "t", "1" and the like."""
    if isinstance(value, bool):
        return value
    if value in _TRUE_WORDS or value in _FALSE_WORDS:
        return value in _TRUE_WORDS
    raise NoValueError


def same(_frame: Frame, value: object) -> object:
    """Return the value: CEL's dyn() changes only what a type checker thinks."""
    return value


def _span_ns(value: object) -> int:
    return value.ns if isinstance(value, Duration) else parse_duration_ns(text(value))


def calendar_getter(read: Callable[[datetime], int]) -> _Getter:
    """Return a function that reads a part of an instant's date, in UTC or in the zone named."""

    def get(_frame: Frame, instant: object, zone: object = "UTC") -> object:
        if not isinstance(instant, Timestamp):
            raise NoValueError
        return read(instant.datetime().astimezone(_zone(text(zone))))

    return get


def clock_getter(read: Callable[[datetime], int], whole_ns: int, modulus: int = 0) -> _Getter:
    """Return a function that reads a part of an instant's time of day, or counts whole units of a span."""
    of_instant = calendar_getter(read)

    def get(frame: Frame, value: object, zone: object = "UTC") -> object:
        if not isinstance(value, Duration):
            return of_instant(frame, value, zone)
        count = abs(value.ns) // whole_ns
        count = count % modulus if modulus else count
        return -count if value.ns < 0 else count

    return get


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return timezone.utc  # noqa: UP017 - next to timezone(offset)
    if name[:1] in "+-0123456789" and name[-3:-2] == ":":
        hours, minutes = name.removeprefix("+").removeprefix("-").split(":")
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if name[0] == "-" else offset)
    if len(name) > _MAX_ZONE_TEXT:
        raise NoValueError
    return ZoneInfo(name)
