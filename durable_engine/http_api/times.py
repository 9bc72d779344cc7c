"""Moments on the wire: RFC 3339 with milliseconds, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+ -]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def rfc3339(at_ms: int) -> str:
    """Write engine milliseconds, like `2026-11-21T07:42:57.613Z`."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def parse_rfc3339_ms(text: str) -> int:
    """Read a moment; fractions of milliseconds are dropped.

    Raises:
        ValueError: that is no RFC 3339 date with a time and an offset.
    """
    if _SHAPE.fullmatch(text) is None:
        raise ValueError(text)
    # A `+` that was not escaped in a query arrives as a space.
    if text[-6] == " ":
        text = f"{text[:-6]}+{text[-5:]}"
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
