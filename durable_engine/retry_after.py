"""The header `Retry-After`, as apps and model providers send it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MIN_RETRY_MS: Final = 1_000
MAX_RETRY_MS: Final = 24 * 3_600_000


def retry_after_ms(value: str | None, *, now_ms: int) -> int | None:
    """Read whole seconds, an HTTP date, or an ISO date as the Python SDK sends it; None for anything else."""
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 7:
        delay_ms = int(text) * 1_000
    else:
        at_ms = _parse_date_ms(text)
        if at_ms is None:
            return None
        delay_ms = at_ms - now_ms
    return min(max(delay_ms, MIN_RETRY_MS), MAX_RETRY_MS)


def _parse_date_ms(text: str) -> int | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
            return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)
        except (ValueError, OverflowError):
            continue
    return None
