"""The generic cell rate algorithm: so many starts per period, spread evenly, with a bounded burst.

Source: ITU-T I.371, annex A, the virtual scheduling algorithm; Inngest documents it for throttling and rate
limits. The state is one number, the slot of the last start: one interval before the theoretical arrival time
(TAT) of the algorithm, so that a rate which a sync has changed counts from the last start. With a burst of 1
no span as long as the period ever holds more than `limit` starts; each start more in the burst adds one.

Times are Unix microseconds, and the interval is rounded up, so that whole milliseconds lose nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

_US_PER_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One start each `interval_us`, up to `burst` of them at once."""

    interval_us: int
    burst: int = 1

    @classmethod
    def of(cls, limit: int, period_ms: int, *, burst: int = 1) -> Self:
        """Return the rate of `limit` starts per `period_ms`."""
        return cls(interval_us=-(-period_ms * _US_PER_MS // limit), burst=max(burst, 1))

    def opens_ms(self, slot_us: int | None, *, now_ms: int, ahead: int = 0) -> int:
        """Return when a start conforms that has `ahead` others before it; `now_ms` or earlier: now."""
        first_us = self.next_slot_us(slot_us, now_ms=now_ms)
        return -(-(first_us + (ahead + 1 - self.burst) * self.interval_us) // _US_PER_MS)

    def next_slot_us(self, slot_us: int | None, *, now_ms: int) -> int:
        """Return the slot of a start now; `slot_us` is that of the last one, None where there was none."""
        now_us = now_ms * _US_PER_MS
        return now_us if slot_us is None else max(slot_us + self.interval_us, now_us)
