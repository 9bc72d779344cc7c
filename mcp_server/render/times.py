"""Instants for machines (ISO-8601, UTC, milliseconds)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(ms: int | None) -> str | None:
    """Return an instant as `2026-11-21T10:00:00.000Z`; None stays None.

    An instant outside the years 1-9999 (a sender may claim any) is shown as its number of milliseconds.
    """
    if ms is None:
        return None
    try:
        moment = _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return f"{ms} ms"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
