"""Debounce: a run starts once no event has come for a while, with the newest of them.

Source: as documented. Each event restarts the period; `timeout` counts from the first event. Newest is the
one with the highest `ts`, as observed.
"""

from __future__ import annotations

from durable_engine.durations import format_duration
from durable_engine.flow_control.keys import for_key
from durable_engine.model.appointment import Appointment
from durable_engine.model.decision import Control, Delay, Merge
from durable_engine.model.event import Event
from durable_engine.model.flow import Debounce


def due_ms(debounce: Debounce, *, since_ms: int, now_ms: int) -> int:
    """Return when the run starts if no further event comes; `since_ms` is when the first one came."""
    quiet_ms = now_ms + debounce.period_ms
    return quiet_ms if debounce.timeout_ms is None else min(quiet_ms, since_ms + debounce.timeout_ms)


def is_newer(event: Event, than: Event) -> bool:
    """Whether the run starts with `event` rather than with the one known so far."""
    return event.ts_ms >= than.ts_ms


def decide(debounce: Debounce, value: str, pending: Appointment | None, *, now_ms: int) -> Delay | Merge:
    """Return the decision about an event; `pending` is the start to come of earlier ones."""
    since_ms = now_ms if pending is None else pending.since_ms
    until_ms = due_ms(debounce, since_ms=since_ms, now_ms=now_ms)
    waits = f"its debounce waits for {format_duration(debounce.period_ms)} without another event"
    waits += for_key(debounce.key, value)
    if pending is None:
        return Delay(control=Control.DEBOUNCE, reason=waits, until_ms=until_ms)
    reason = f"{waits}; this is event {pending.count + 1} of those, and one run starts for all"
    if debounce.timeout_ms is not None and until_ms < now_ms + debounce.period_ms:
        reason += f", at the latest {format_duration(debounce.timeout_ms)} after the first"
    return Merge(control=Control.DEBOUNCE, reason=reason, until_ms=until_ms)
