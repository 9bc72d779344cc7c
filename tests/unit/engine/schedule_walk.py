"""When schedules fire, worked out the slow way: minute by minute, against their fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from durable_engine.schedules import Schedule

MINUTE = timedelta(minutes=1)


def ms(text: str) -> int:
    """Return the Unix milliseconds of a UTC time such as `2026-03-04T10:30`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000


def ticks(text: str, *, after: str, count: int) -> list[str]:
    """Return the next ticks of a schedule after a UTC time, as UTC times with a `Z`."""
    schedule, at_ms, found = Schedule.parse(text), ms(after), list[str]()
    for _ in range(count):
        at_ms = schedule.next_after_ms(at_ms)
        assert at_ms % 1_000 == 0
        found.append(f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%dT%H:%MZ}")
    return found


@dataclass(frozen=True)
class Fields:
    """The fields of a schedule as text, and the numbers that they mean."""

    texts: tuple[str, ...]
    values: tuple[frozenset[int], ...]

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    @property
    def is_fixed(self) -> bool:
        """Whether it fires at times of the day, not in intervals."""
        return not self.texts[0].startswith("*") and not self.texts[1].startswith("*")

    def fits_day(self, day: date) -> bool:
        of_month, of_week = day.day in self.values[2], day.isoweekday() % 7 in self.values[4]
        is_either = not self.texts[2].startswith("*") and not self.texts[4].startswith("*")
        return day.month in self.values[3] and (of_month or of_week if is_either else of_month and of_week)

    def fits(self, local: datetime) -> bool:
        is_time = local.minute in self.values[0] and local.hour in self.values[1]
        return is_time and self.fits_day(local.date())


def first_in_utc(fields: Fields, after: datetime) -> datetime:
    """Return the first minute after `after` that fits: day by day, and then minute by minute."""
    day = after.date()
    while True:
        if fields.fits_day(day):
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            for minute in range(24 * 60):
                if (found := midnight + minute * MINUTE) > after and fields.fits(found):
                    return found
        day += timedelta(days=1)


def walk(fields: Fields, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield when a schedule fires in (start, end], both UTC, by looking at a clock on a wall each minute."""
    due, seen = False, set[datetime]()
    wall = start.astimezone(zone).replace(tzinfo=None)
    instant = start
    while instant < end:
        instant += MINUTE
        before, wall = wall, instant.astimezone(zone).replace(tzinfo=None)
        skipped = before + MINUTE
        while skipped < wall:
            due = due or (fields.is_fixed and fields.fits(skipped))
            skipped += MINUTE
        if due or (fields.fits(wall) and not (fields.is_fixed and wall in seen)):
            yield instant
        due = False
        seen.add(wall)


@st.composite
def _field(draw: st.DrawFn, low: int, high: int) -> tuple[str, frozenset[int]]:
    everything = range(low, high + 1)
    one, other = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    step = draw(st.integers(1, high))
    forms: list[tuple[str, frozenset[int]]] = [
        ("*", frozenset(everything)),
        (f"*/{step}", frozenset(everything[::step])),
        (f"{one}", frozenset({one})),
        (f"{one},{other}", frozenset({one, other})),
        (f"{one}-{other}", frozenset(range(one, other + 1))),
        (f"{one}-{other}/{step}", frozenset(range(one, other + 1, step))),
        (f"{one}/{step}", frozenset(range(one, high + 1, step))),
    ]
    return draw(st.sampled_from(forms))


@st.composite
def fields(draw: st.DrawFn, *, is_daily: bool = False) -> Fields:
    """Draw a schedule that fires at least once a year, or, for `is_daily`, every day."""
    ranges = [(0, 59), (0, 23), (1, 28), (1, 12), (0, 6)]
    if is_daily:
        drawn = [draw(_field(0, 59)), draw(_field(0, 23)), *([("*", frozenset(range(32)))] * 3)]
        return Fields(tuple(text for text, _ in drawn), tuple(values for _, values in drawn))
    drawn = [draw(_field(low, high)) for low, high in ranges]
    if drawn[2][0].startswith("*"):
        step = int(drawn[2][0].removeprefix("*").removeprefix("/") or 1)
        drawn[2] = (drawn[2][0], frozenset(range(1, 32, step)))
    elif "/" in drawn[2][0] and "-" not in drawn[2][0]:
        first, step = map(int, drawn[2][0].split("/"))
        drawn[2] = (drawn[2][0], frozenset(range(first, 32, step)))
    return Fields(tuple(text for text, _ in drawn), tuple(values for _, values in drawn))
