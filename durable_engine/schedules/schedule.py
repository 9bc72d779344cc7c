"""Cron schedules: read once, then asked for the first tick after an instant.

Five fields (minute, hour, day of month, month, day of week), each `*`, a number, a range, a step or a list
of those; months and weekdays also by name. Sunday is 0 or 7. When both day fields are restricted, a day fits
that fits either of them; a day field that begins with `*` (`*/2`) must fit as well, as in Debian's cron.

The calendar (which local minutes fit) is cronsim's. Time zones are handled here, because cronsim counts hours
across a shift of the clocks and loses ticks where it is one of 30 minutes. What happens at a shift is what
Debian's cron does:

- A schedule at fixed times, where neither minute nor hour begins with `*`, fires once for each: times that
  the clocks skip fire together at the first minute after the gap, repeated times the first time only.
- Any other schedule is an interval and follows the clock on the wall: it does not fire at minutes that are
  skipped, and fires both times at minutes that are repeated.

Source: crontab(5) of Debian; the `TZ=` prefix and UTC without it as Inngest documents them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from cronsim import CronSim, CronSimError

from durable_engine.errors import InvalidCronError
from durable_engine.schedules.fields import read_fields
from durable_engine.schedules.zones import find_zone

MAX_SCHEDULE_CHARS: Final = 255
_PREFIXES: Final = ("TZ=", "CRON_TZ=")
_LONGEST_PAUSE_YEARS: Final = 50
"""29 February on a given weekday, the rarest date, returns within 40 years."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRIAL_MS: Final = 1_735_689_600_000
"""From here on (2025) a schedule must fire at least once: the same answer, whenever it is read."""
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron schedule that has been read; `text` is what was written, equal text is an equal schedule."""

    text: str
    _cron: str = field(compare=False, repr=False)
    _zone: tzinfo = field(compare=False, repr=False)

    @staticmethod
    def parse(text: str) -> Schedule:
        """Return the schedule of a text such as `*/15 9-17 * * MON-FRI` or `TZ=Europe/Paris 0 12 * * 5`.

        Raises:
            InvalidCronError: not a schedule, an unknown time zone, or a date that never comes.
        """
        return _parse(text)

    def next_after_ms(self, after_ms: int) -> int:
        """Return the first tick strictly after an instant; both are Unix milliseconds.

        Raises:
            InvalidCronError: there is none within 50 years, which `parse` has made all but impossible.
        """
        after = _EPOCH + timedelta(milliseconds=after_ms)
        local = self._local(after)
        tick = self._next_fixed(after, local) if self._has_fixed_times else self._next_wall(after, local)
        if tick is None:
            raise InvalidCronError(f"it does not fire within {_LONGEST_PAUSE_YEARS} years")
        return (tick - _EPOCH) // timedelta(milliseconds=1)

    @property
    def _has_fixed_times(self) -> bool:
        minute, hour, *_ = self._cron.split()
        return not minute.startswith("*") and not hour.startswith("*")

    def _next_fixed(self, after: datetime, local: datetime) -> datetime | None:
        for time in CronSim(self._cron, local):
            if _is_too_far(time, local):
                break
            existing = time
            while not (instants := self._instants(existing)):
                existing += _MINUTE
            # In the second half of a repeated hour, this one has fired in the first.
            if instants[0] > after:
                return instants[0]
        return None

    def _next_wall(self, after: datetime, local: datetime) -> datetime | None:
        # When clocks go back soon, times on the wall that are over now are still to come once more.
        repeated = local + _DAY - self._local(after + _DAY)
        found: list[datetime] = []
        for time in CronSim(self._cron, local - max(repeated, timedelta())):
            if _is_too_far(time, local):
                break
            found += [instant for instant in self._instants(time) if instant > after]
            if found and time > local:
                break
        return min(found, default=None)

    def _instants(self, local: datetime) -> tuple[datetime, ...]:
        """Return when the clocks show this time: never, once or twice."""
        both = [local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
        return tuple(instant for instant in both if self._local(instant) == local)

    def _local(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone).replace(tzinfo=None)


def jittered_ms(tick_ms: int, jitter_ms: int, *names: str) -> int:
    """Return an instant in [tick_ms, tick_ms + jitter_ms), Unix milliseconds; the tick itself for no jitter.

    The same names (say, a function and its schedule) and tick always give the same instant.
    """
    if jitter_ms <= 0:
        return tick_ms
    seed = "\0".join([*names, str(tick_ms)]).encode("utf-8", "surrogatepass")
    return tick_ms + int.from_bytes(hashlib.sha256(seed).digest()[:8], "big") % jitter_ms


def _is_too_far(time: datetime, local: datetime) -> bool:
    return time.year > local.year + _LONGEST_PAUSE_YEARS


@lru_cache(maxsize=1_024)
def _parse(text: str) -> Schedule:
    if len(text) > MAX_SCHEDULE_CHARS:
        raise InvalidCronError(f"it has {len(text)} characters; at most {MAX_SCHEDULE_CHARS} are allowed")
    words = text.split()
    zone: tzinfo = UTC
    if words and words[0].startswith(_PREFIXES):
        zone = find_zone(words.pop(0).partition("=")[2])
    schedule = Schedule(text, " ".join(read_fields(words)), zone)
    try:
        schedule.next_after_ms(_TRIAL_MS)
    except (CronSimError, InvalidCronError):
        # The fields are in order by now; what cronsim still refuses is a date that no month has.
        raise InvalidCronError(
            "it never fires: no date has this day of month in this month, or the clocks always skip its time"
        ) from None
    return schedule
