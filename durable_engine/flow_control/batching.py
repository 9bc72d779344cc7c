"""Batching: one run for several events, when the batch is full or its time is up.

Source: as documented. A batch is full with `maxSize` events or 10 MiB; its time counts from its first event;
an event whose condition does not hold starts a run alone, at once.
"""

from __future__ import annotations

from typing import Final

from durable_engine.durations import format_duration
from durable_engine.expressions import compile_expression
from durable_engine.flow_control.keys import KEY_VARIABLES, for_key
from durable_engine.model.appointment import Appointment
from durable_engine.model.decision import Control, Delay, Merge
from durable_engine.model.flow import Batch
from durable_engine.model.json_value import JSONObject

MAX_BYTES: Final = 10 * 1024 * 1024


def takes(batch: Batch, payload: JSONObject, *, now_ms: int) -> bool:
    """Whether the event belongs in a batch."""
    if batch.condition is None:
        return True
    condition = compile_expression(batch.condition, variables=KEY_VARIABLES)
    return condition.matches({"event": payload}, now_ms=now_ms)


def overflows(pending: Appointment, size: int) -> bool:
    """Whether the batch has to start before an event of `size` bytes, which would not fit in."""
    return pending.size + size > MAX_BYTES


def is_full(batch: Batch, *, count: int, size: int) -> bool:
    """Whether a batch with so many events, and bytes of events, starts at once."""
    return count >= batch.max_size or size >= MAX_BYTES


def decide(batch: Batch, value: str, pending: Appointment | None, *, now_ms: int) -> Delay | Merge:
    """Return the decision about an event that does not fill its batch; `pending` holds the earlier ones."""
    count = 1 if pending is None else pending.count + 1
    reason = (
        f"its batch{for_key(batch.key, value)} has {count} of {batch.max_size} events; it starts when it is "
        f"full, or {format_duration(batch.timeout_ms)} after its first event"
    )
    if pending is None:
        return Delay(control=Control.BATCH, reason=reason, until_ms=now_ms + batch.timeout_ms)
    return Merge(control=Control.BATCH, reason=reason, until_ms=pending.due_ms)
