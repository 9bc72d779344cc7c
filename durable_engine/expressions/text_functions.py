"""Functions on text. Each takes the frame, then its arguments; NoValueError means null.

Source: CEL language definition, section Standard Definitions; the strings extension of cel-go (indices count
code points from zero, an index outside the text is an error); Inngest's own lowercase, uppercase,
b64decode and json_parse.
"""

from __future__ import annotations

import base64
import json
import math
from functools import lru_cache
from typing import Any, NoReturn

from durable_engine.expressions.frame import Frame
from durable_engine.expressions.operators import join_text, text_of
from durable_engine.expressions.values import NoValueError

_MAX_PATTERN = 4_096
_MAX_PATTERN_MEMORY = 1024 * 1024
_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_ASCII_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


class BadPatternError(ValueError):
    """A text is no RE2 pattern; `str()` is what RE2 says about it."""


def size(_frame: Frame, value: object) -> object:
    """Return the code points of a string, or the entries of a list or map."""
    if isinstance(value, str | list | dict):
        return len(value)
    raise NoValueError


def starts_with(frame: Frame, value: object, prefix: object) -> object:
    """Tell whether the string starts with the prefix."""
    return text(value).startswith(read_text(frame, prefix))


def ends_with(frame: Frame, value: object, suffix: object) -> object:
    """Tell whether the string ends with the suffix."""
    return text(value).endswith(read_text(frame, suffix))


def contains_text(frame: Frame, value: object, part: object) -> object:
    """Tell whether the string contains the part."""
    return text(part) in read_text(frame, value)


def matches(frame: Frame, value: object, pattern: object) -> object:
    """Tell whether an RE2 pattern is found anywhere in the string; false when it is no pattern."""
    if not (isinstance(value, str) and isinstance(pattern, str)):
        return False
    # The flat part stands for compiling the pattern, which costs most when it comes from the data.
    frame.charge(50 + ((len(value) + len(pattern)) >> 3))
    try:
        return compiled_pattern(pattern).search(value) is not None
    except ValueError:  # not a pattern, or text that UTF-8 cannot encode
        return False


@lru_cache(maxsize=64)
def compiled_pattern(pattern: str) -> Any:
    """Return the compiled RE2 pattern.

    Raises:
        BadPatternError: not a pattern.
        ValueError: longer than a pattern may be, or not encodable.
    """
    import re2  # noqa: PLC0415 - 2 MB, and most expressions have no pattern

    if len(pattern) > _MAX_PATTERN:
        raise ValueError("the pattern is too long")
    options = re2.Options()
    options.max_mem = _MAX_PATTERN_MEMORY
    options.log_errors = False  # stderr is not the place for a user's mistake
    try:
        return re2.compile(pattern, options)
    except re2.error as fault:
        reason = fault.args[0] if fault.args else "unknown fault"
        told = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise BadPatternError(told) from None


def lower_ascii(frame: Frame, value: object) -> object:
    """Lower A to Z only."""
    return read_text(frame, value).translate(_ASCII_LOWER)


def upper_ascii(frame: Frame, value: object) -> object:
    """Raise a to z only."""
    return read_text(frame, value).translate(_ASCII_UPPER)


def lowercase(frame: Frame, value: object) -> object:
    """Lower every letter."""
    return read_text(frame, value).lower()


def uppercase(frame: Frame, value: object) -> object:
    """Raise every letter."""
    return read_text(frame, value).upper()


def trim(frame: Frame, value: object) -> object:
    """Remove white space from both ends."""
    return read_text(frame, value).strip()


def split(frame: Frame, value: object, separator: object, limit: object = -1) -> object:
    """Split at the separator into at most `limit` parts; an empty separator splits into characters."""
    whole, mark, most = read_text(frame, value), text(separator), integer(limit)
    if most == 0:
        return []
    parts = whole.count(mark) + 1
    frame.charge(parts)
    if not mark:
        cut = len(whole) if most < 0 else min(most - 1, len(whole))
        return list(whole[:cut]) + ([whole[cut:]] if cut < len(whole) else [])
    return whole.split(mark, -1 if most < 0 else min(most - 1, parts))


def join(frame: Frame, values: object, separator: object = "") -> object:
    """Join a list into a string; its items need not be strings."""
    if not isinstance(values, list):
        raise NoValueError
    frame.charge(len(values))
    return join_text(values, text(separator), frame)


def replace(frame: Frame, value: object, old: object, new: object, limit: object = -1) -> object:
    """Replace the first `limit` (all, when negative) occurrences."""
    whole, before, after, most = read_text(frame, value), text(old), text(new), integer(limit)
    found = whole.count(before)
    times = found if most < 0 else min(most, found)
    frame.charge_text(len(whole) + times * max(0, len(after) - len(before)))
    return whole.replace(before, after, times)


def substring(frame: Frame, value: object, start: object, end: object = None) -> object:
    """Cut from `start` to before `end`, or to the end of the string."""
    whole, first = text(value), integer(start)
    last = len(whole) if end is None else integer(end)
    if not 0 <= first <= last <= len(whole):
        raise NoValueError
    frame.charge_text(last - first)
    return whole[first:last]


def char_at(_frame: Frame, value: object, position: object) -> object:
    """Return one character; "" just behind the last."""
    whole, at = text(value), integer(position)
    if not 0 <= at <= len(whole):
        raise NoValueError
    return whole[at : at + 1]


def index_of(frame: Frame, value: object, part: object, start: object = 0) -> object:
    """Return where the part first occurs, or -1."""
    whole, first = read_text(frame, value), integer(start)
    if not 0 <= first <= len(whole):
        raise NoValueError
    return whole.find(text(part), first)


def last_index_of(frame: Frame, value: object, part: object) -> object:
    """Return where the part last occurs, or -1."""
    # Python searches backwards in quadratic time.
    frame.charge(len(text(value)) * len(text(part)) >> 8)
    return text(value).rfind(text(part))


def b64decode(frame: Frame, value: object) -> object:
    """Decode standard base64 of UTF-8 text."""
    return base64.b64decode(read_text(frame, value), validate=True).decode()


def json_parse(frame: Frame, value: object) -> object:
    """Return the value of strict JSON text."""
    source = read_text(frame, value)
    frame.charge(len(source) >> 3)
    return json.loads(source, parse_constant=_refuse_constant, parse_float=_finite)


def text(value: object) -> str:
    """Return the value if it is a string.

    Raises:
        NoValueError: it is not.
    """
    if not isinstance(value, str):
        raise NoValueError
    return value


def read_text(frame: Frame, value: object) -> str:
    """Return the value if it is a string, with the work of going through all of it charged.

    Raises:
        NoValueError: it is not.
    """
    frame.charge_text(len(text(value)))
    return text(value)


def integer(value: object) -> int:
    """Return the value if it is an integer, or a float without a fraction.

    Raises:
        NoValueError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise NoValueError
    return int(value)


def to_string(frame: Frame, value: object) -> object:
    """Convert to text; null has none."""
    if value is None:
        raise NoValueError
    return text_of(value, frame)


def _finite(source: str) -> float:
    value = float(source)
    if math.isinf(value):
        raise NoValueError
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise NoValueError
