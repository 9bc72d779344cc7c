"""Values of literals as they are written.

Source: CEL language definition, section Syntax (INT_LIT, UINT_LIT, FLOAT_LIT, STRING_LIT and its escapes).
"""

from __future__ import annotations

import math
import re

from durable_engine.errors import InvalidExpressionError

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
_UINT64_MAX = 2**64 - 1

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([abfnrtv\\?\"'`])|([\s\S]?))"
)
_NAMED_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def integer(text: str, position: int) -> int:
    """Return the value of an integer literal, decimal or hexadecimal, signed or with the suffix `u`."""
    is_unsigned = text[-1] in "uU"
    digits = text[:-1] if is_unsigned else text
    is_hex = digits.removeprefix("-").startswith("0x")
    # More digits than 64 bits hold are not given to int(), which refuses very long text in its own way.
    value = int(digits, 16 if is_hex else 10) if len(digits.lstrip("-0")) <= 20 else INT64_MAX + 2**64
    least, most = (0, _UINT64_MAX) if is_unsigned else (INT64_MIN, INT64_MAX)
    if not least <= value <= most:
        raise InvalidExpressionError(
            f"the number at position {position} does not fit into 64 bits", position=position
        )
    return value


def floating(text: str, position: int) -> float:
    """Return the value of a floating-point literal."""
    value = float(text)
    if math.isinf(value):
        raise InvalidExpressionError(f"the number at position {position} is too large", position=position)
    return value


def string(text: str, position: int) -> str:
    """Return the value of a string literal, quotes and prefix included in `text`."""
    is_raw = text[0] in "rR"
    body = text[1:] if is_raw else text
    quotes = 3 if body[:3] in ('"""', "'''") else 1
    body = body[quotes:-quotes]
    if is_raw or "\\" not in body:
        return body

    def unescape(found: re.Match[str]) -> str:
        hex2, hex4, hex8, octal, named, unknown = found.groups()
        code = int(hex2 or hex4 or hex8, 16) if hex2 or hex4 or hex8 else int(octal, 8) if octal else None
        if named:
            return _NAMED_ESCAPES.get(named, named)
        if unknown is not None or code is None or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            at = position + quotes + found.start()
            raise InvalidExpressionError(
                f"{found[0]!r} at position {at} is not an escape sequence; a backslash is written \\\\",
                position=at,
                hint="In a regular expression, use a raw string: r'\\d+'.",
            )
        return chr(code)

    return _ESCAPE.sub(unescape, body)
