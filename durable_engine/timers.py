"""Items that come due without a call: a sleep ends, a wait or an invocation times out."""

from __future__ import annotations

from durable_engine.lifecycle.resume import time_is_up
from durable_engine.model.queue_item import QueueItem
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.tables import Tables


def fire_timer(tables: Tables, registry: Registry, *, item: QueueItem, now_ms: int) -> Settled:
    """End the wait that a leased timer item stands for; nothing happens when it is over already."""
    if not tables.queue.is_held(item):
        return Settled()
    run = tables.runs.get(item.run_id)
    step = tables.steps.get(item.run_id, item.step_id or "")
    if run is None or step is None or step.status.is_terminal:
        tables.queue.done(item)
        return Settled()
    changes = time_is_up(
        run,
        step,
        around=tables.around(run.id, step),
        now_ms=now_ms,
    )
    return Settlement(tables, registry, now_ms=now_ms).apply(changes)
