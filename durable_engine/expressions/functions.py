"""The functions an expression may call: their names, their numbers of arguments, and checks of literal ones.

`x.f(y)` and `f(x, y)` are the same call. CEL allows one or the other form depending on the function;
accepting both costs nothing and refuses nothing that works elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from durable_engine.durations import (
    NS_PER_MS,
    NS_PER_SECOND,
    parse_date_ns,
    parse_duration_ns,
    parse_rfc3339_ns,
)
from durable_engine.errors import InvalidDurationError
from durable_engine.expressions import text_functions as of_text
from durable_engine.expressions import time_functions as of_time
from durable_engine.expressions.frame import Frame
from durable_engine.expressions.values import NoValueError

# What a function raises when it has no value for its arguments.
_NO_VALUE = (NoValueError, InvalidDurationError, ArithmeticError, LookupError, ValueError, OSError)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `run` takes the frame and between `least` and `most` arguments.

    `check` is called with the argument at `checked` when that is a literal string, so that a mistake in a
    pattern or duration is found when the expression is compiled, not when an event silently fails to match.
    """

    run: Callable[..., object]
    least: int
    most: int
    check: Callable[[str], object] | None = None
    checked: int = 0

    def call(self, frame: Frame, arguments: list[object]) -> object:
        """Return the function's value, null when it has none for these arguments."""
        try:
            return self.run(frame, *arguments)
        except _NO_VALUE:
            return None

    def literal_fault(self, argument: object) -> str:
        """Return what is wrong with a literal argument, "" when nothing is."""
        if self.check is None or not isinstance(argument, str):
            return ""
        try:
            self.check(argument)
        except of_text.BadPatternError as error:
            return f"{argument!r} is not an RE2 pattern: {error}"
        except (InvalidDurationError, ValueError) as error:
            return str(error)
        return ""


def _calendar(read: Callable[[datetime], int]) -> Function:
    return Function(of_time.calendar_getter(read), 1, 2)


def _clock(read: Callable[[datetime], int], whole_ns: int, modulus: int = 0) -> Function:
    return Function(of_time.clock_getter(read, whole_ns, modulus), 1, 2)


_TEXT = {
    "size": Function(of_text.size, 1, 1),
    "startsWith": Function(of_text.starts_with, 2, 2),
    "endsWith": Function(of_text.ends_with, 2, 2),
    "contains": Function(of_text.contains_text, 2, 2),
    "matches": Function(of_text.matches, 2, 2, check=of_text.compiled_pattern, checked=1),
    "lowerAscii": Function(of_text.lower_ascii, 1, 1),
    "upperAscii": Function(of_text.upper_ascii, 1, 1),
    "lowercase": Function(of_text.lowercase, 1, 1),
    "uppercase": Function(of_text.uppercase, 1, 1),
    "trim": Function(of_text.trim, 1, 1),
    "split": Function(of_text.split, 2, 3),
    "join": Function(of_text.join, 1, 2),
    "replace": Function(of_text.replace, 3, 4),
    "substring": Function(of_text.substring, 2, 3),
    "charAt": Function(of_text.char_at, 2, 2),
    "indexOf": Function(of_text.index_of, 2, 3),
    "lastIndexOf": Function(of_text.last_index_of, 2, 2),
    "b64decode": Function(of_text.b64decode, 1, 1),
    "json_parse": Function(of_text.json_parse, 1, 1),
}
_CONVERSIONS = {
    "string": Function(of_text.to_string, 1, 1),
    "int": Function(of_time.to_int, 1, 1),
    "uint": Function(of_time.to_uint, 1, 1),
    "double": Function(of_time.to_double, 1, 1),
    "bool": Function(of_time.to_bool, 1, 1),
    "dyn": Function(of_time.same, 1, 1),
}
_TIME = {
    "now": Function(of_time.now, 0, 0),
    "now_plus": Function(of_time.now_plus, 1, 1, check=parse_duration_ns),
    "now_minus": Function(of_time.now_minus, 1, 1, check=parse_duration_ns),
    "duration": Function(of_time.duration, 1, 1, check=parse_duration_ns),
    "timestamp": Function(of_time.timestamp, 1, 1, check=parse_rfc3339_ns),
    "date": Function(of_time.date, 1, 1, check=parse_date_ns),
    "getFullYear": _calendar(lambda at: at.year),
    "getMonth": _calendar(lambda at: at.month - 1),
    "getDate": _calendar(lambda at: at.day),
    "getDayOfMonth": _calendar(lambda at: at.day - 1),
    "getDayOfWeek": _calendar(lambda at: at.isoweekday() % 7),
    "getDayOfYear": _calendar(lambda at: at.timetuple().tm_yday - 1),
    "getHours": _clock(lambda at: at.hour, 3_600 * NS_PER_SECOND),
    "getMinutes": _clock(lambda at: at.minute, 60 * NS_PER_SECOND),
    "getSeconds": _clock(lambda at: at.second, NS_PER_SECOND),
    "getMilliseconds": _clock(lambda at: at.microsecond // 1_000, NS_PER_MS, 1_000),
}

FUNCTIONS = _TEXT | _CONVERSIONS | _TIME
# Part of CEL, but about types that JSON does not have.
UNSUPPORTED = frozenset({"bytes", "type"})
