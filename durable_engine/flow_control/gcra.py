"""The generic cell rate algorithm: so many starts per period, spread evenly, with a bounded burst.

Source: ITU-T I.371, annex A, the virtual scheduling algorithm; Inngest documents it for throttling and rate
limits. The state is one number, the theoretical arrival time (TAT) of the next start. With a burst of 1 no
span as long as the period ever holds more than `limit` starts; each start more in the burst adds one.

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

    def opens_ms(self, tat_us: int | None) -> int:
        """Return the first millisecond in which a start conforms; 0 where there has been none."""
        if tat_us is None:
            return 0
        return -(-(tat_us - (self.burst - 1) * self.interval_us) // _US_PER_MS)

    def opens_for_ms(self, tat_us: int | None, ahead: int, *, now_ms: int) -> int:
        """Return when a start conforms that has `ahead` others before it, each made as soon as it can be."""
        first_us = max(tat_us or 0, now_ms * _US_PER_MS)
        return -(-(first_us + (ahead + 1 - self.burst) * self.interval_us) // _US_PER_MS)

    def after_start_us(self, tat_us: int | None, *, now_ms: int) -> int:
        """Return the TAT after a start now."""
        return max(tat_us or 0, now_ms * _US_PER_MS) + self.interval_us

    def latest_tat_us(self, *, now_ms: int) -> int:
        """Return the TAT that nothing but another rate can have led beyond."""
        return now_ms * _US_PER_MS + self.burst * self.interval_us
