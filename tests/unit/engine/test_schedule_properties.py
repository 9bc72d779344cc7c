"""Any schedule fires exactly when a clock on a wall shows what its fields say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schedule_walk import MINUTE, Fields, fields, first_in_utc, walk

from durable_engine.schedules import Schedule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHIFTS = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 21, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 1, 1, tzinfo=UTC)),
]
"""Zones, and when their clocks are set (but for the last, where they never are)."""


def _next(text: str, after: datetime) -> datetime:
    after_ms = (after - EPOCH) // timedelta(milliseconds=1)
    return EPOCH + timedelta(milliseconds=Schedule.parse(text).next_after_ms(after_ms))


@settings(deadline=None)
@given(fields(), st.integers(1_700_000_000_000, 2_300_000_000_000))
def test_the_next_tick_in_utc_is_the_first_minute_that_fits(schedule: Fields, after_ms: int) -> None:
    instant = EPOCH + timedelta(milliseconds=after_ms)
    tick = _next(schedule.text, instant)
    assert tick > instant
    assert (tick.second, tick.microsecond) == (0, 0)
    assert schedule.fits(tick)
    assert tick == first_in_utc(schedule, instant)


@settings(deadline=None)
@given(fields(is_daily=True), st.sampled_from(SHIFTS), st.integers(0, 10 * 3_600))
def test_around_a_shift_of_the_clocks_a_schedule_fires_as_a_clock_on_a_wall_says(
    schedule: Fields, shift: tuple[str, datetime], seconds: int
) -> None:
    name, shifted = shift
    zone, text = ZoneInfo(name), f"TZ={name} {schedule.text}"
    start, end = shifted - timedelta(hours=5), shifted + timedelta(hours=5)
    fired, tick = list[datetime](), start
    while (tick := _next(text, tick)) <= end:
        fired.append(tick)
    assert fired == list(walk(schedule, zone, start, end))

    # The answer does not depend on the ticks before it.
    after = start + timedelta(seconds=seconds)
    later = [tick for tick in fired if tick > after]
    assume(later)
    assert _next(text, after) == later[0]
    assert _next(text, later[0] - MINUTE / 60_000) == later[0]
