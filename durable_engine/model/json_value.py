"""JSON values, and the one way they become text and back.

Payloads of user code are kept as they came: key order, nulls and the difference between `1` and `1.0`
survive. Python's float cannot hold every JSON number, so `1e400` is refused, not silently changed.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Final, NoReturn, TypeAlias

JSONValue: TypeAlias = Any
JSONObject: TypeAlias = dict[str, Any]

MAX_DEPTH: Final = 200
"""Levels of lists and objects in what comes from outside; code that walks values needs frames for each."""
_STRINGS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NO_BRACKETS: Final = re.compile(r"[^][{}]++")
_STEPS: Final = {"[": 1, "{": 1, "]": -1, "}": -1}


_TOO_DEEP: Final = f"the JSON is nested too deeply: at most {MAX_DEPTH} levels are allowed"


class InvalidJSONError(ValueError):
    """The text is not JSON that can be kept without changing it."""


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJSONError(f"{name} is not JSON")


def read_float(text: str) -> float:
    """Read a number with a fraction or an exponent; raises InvalidJSONError for one that is too large."""
    value = float(text)
    if math.isinf(value):
        raise InvalidJSONError(f"the number {text[:40]} is too large")
    return value


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=read_float)
# Made once: `json.dumps` and `json.loads` make anew at each call whatever has options.
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_ESCAPED: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_BLANK: Final = re.compile(r"[ \t\n\r]*")


def parse_json(text: str | bytes, *, parse_float: Callable[[str], float] = read_float) -> JSONValue:
    """Parse strict JSON; `parse_float` reads the numbers that are no integers.

    Raises:
        InvalidJSONError: not JSON, not UTF-8, NaN or Infinity, or nested deeper than `MAX_DEPTH`.
    """
    try:
        text = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise InvalidJSONError(str(error)) from None
    value = _parse(text, parse_float)
    if is_too_deep(text):
        raise InvalidJSONError(_TOO_DEEP)
    return value


def parse_list(text: bytes, *, at_once: int) -> Iterator[list[JSONValue]]:
    """Parse a JSON array as `parse_json` does, in pieces of entries that together are over `at_once` long.

    Raises:
        InvalidJSONError: as `parse_json`, when the parsing comes to it.
    """
    try:
        whole = text.decode()
        place = _after(whole, whole.index("[") + 1)
        piece, start = [], place
        is_over = whole[place : place + 1] == "]"
        while not is_over:
            entry, place = _DECODER.raw_decode(whole, place)
            piece.append(entry)
            place = _after(whole, place)
            is_over = whole[place : place + 1] == "]"
            if not is_over:
                if whole[place : place + 1] != ",":
                    raise json.JSONDecodeError("Expecting ',' delimiter", whole, place)
                place = _after(whole, place + 1)
            if is_over or place - start > at_once:
                if is_too_deep(whole[start:place]):
                    raise InvalidJSONError(_TOO_DEEP)
                yield piece
                piece, start = [], place
        if _after(whole, place + 1) != len(whole):
            raise json.JSONDecodeError("Extra data", whole, place + 1)
    except (ValueError, RecursionError) as error:
        raise _in_words(error) from None


def _after(text: str, place: int) -> int:
    """Return where the next thing begins that is no white space."""
    found = _BLANK.match(text, place)
    return place if found is None else found.end()


def parse_stored(text: str | None) -> JSONValue:
    """Parse what a column of JSON text holds; None where it holds nothing."""
    return None if text is None else _parse(text, read_float)


def _parse(text: str, parse_float: Callable[[str], float]) -> JSONValue:
    try:
        if parse_float is read_float:
            return _DECODER.decode(text)
        return json.loads(text, parse_constant=_refuse_constant, parse_float=parse_float)
    except (ValueError, RecursionError) as error:
        raise _in_words(error) from None


def _in_words(error: ValueError | RecursionError) -> InvalidJSONError:
    if isinstance(error, RecursionError):
        return InvalidJSONError(_TOO_DEEP)
    if isinstance(error, InvalidJSONError | json.JSONDecodeError | UnicodeDecodeError):
        return InvalidJSONError(str(error))
    # Python reads no longer ones, because that takes quadratic time.
    return InvalidJSONError(f"a whole number has more than {sys.get_int_max_str_digits():,} digits")


def is_too_deep(text: str) -> bool:
    """Whether JSON text nests deeper than `MAX_DEPTH`; costs next to nothing where there are few brackets."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    brackets = _NO_BRACKETS.sub("", _STRINGS.sub("", text))
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH


def is_storable(text: str) -> bool:
    """Whether the text has no half of a surrogate pair, which JSON can carry and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable_text(text: str) -> str:
    """Return the text with each lone surrogate replaced by a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def to_json(value: JSONValue) -> str:
    """Write compact JSON text that UTF-8 can encode; lone surrogates stay escaped."""
    text = _COMPACT.encode(value)
    if text.isascii() or is_storable(text):
        return text
    return _ESCAPED.encode(value)
