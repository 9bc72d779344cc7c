"""Rate limit: events beyond it start no run. GCRA without a burst (see `gcra`), one state for each key."""

from __future__ import annotations

from durable_engine.durations import format_duration
from durable_engine.flow_control.gcra import Rate
from durable_engine.flow_control.keys import for_key
from durable_engine.model.decision import Admit, Control, Drop
from durable_engine.model.flow import RateLimit


def latest_us(limit: RateLimit, *, now_ms: int) -> int:
    """Return the latest TAT that starts under this limit can have led to."""
    return Rate.of(limit.limit, limit.period_ms).after_start_us(None, now_ms=now_ms)


def decide(
    limit: RateLimit, value: str, tat_us: int | None, *, now_ms: int
) -> tuple[Admit | Drop, int | None]:
    """Return the decision about one more start for this key value, and the new TAT after an admission.

    Source: as documented, `limit: 10, period: "60m"` lets one run start every 6 minutes.
    """
    rate = Rate.of(limit.limit, limit.period_ms)
    opens_ms = rate.opens_ms(tat_us)
    if opens_ms <= now_ms:
        return Admit(), rate.after_start_us(tat_us, now_ms=now_ms)
    each = "" if limit.limit == 1 else f" (one every {format_duration(rate.interval_us // 1_000)})"
    period = format_duration(limit.period_ms)
    reason = f"its rate limit of {limit.limit} per {period}{each} is used up{for_key(limit.key, value)}"
    return Drop(control=Control.RATE_LIMIT, reason=reason, until_ms=opens_ms), None
