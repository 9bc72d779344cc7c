"""Instants for machines (ISO-8601, UTC, milliseconds)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from durable_engine.durations import format_duration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_NOTABLE_MS = 1_000


def clock_ahead(shift_ms: int) -> str | None:
    """Return how far the engine's clock was moved ahead, to the second; None for one that was not."""
    return format_duration(round(shift_ms, -3)) if shift_ms > _NOTABLE_MS else None


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
