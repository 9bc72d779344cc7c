"""Items that come due without a call: a sleep ends, a wait or an invocation times out, a run is too late."""

from __future__ import annotations

from durable_engine.cancelling import too_late
from durable_engine.lifecycle.resume import time_is_up
from durable_engine.model.queue_item import ItemKind, QueueItem
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.tables import Tables


def fire_timer(tables: Tables, registry: Registry, *, item: QueueItem, now_ms: int) -> Settled:
    """Do what a leased item without a call stands for; nothing happens when that is over already.

    The item of a call that comes too late for its run stands for the deadline.
    """
    if tables.queue.held(item.id, item.lease) is None:
        return Settled()
    run = tables.runs.get(item.run_id)
    settlement = Settlement(tables, registry, now_ms=now_ms)
    if run is not None and (item.kind is ItemKind.DEADLINE or item.kind.is_call):
        if item.kind is ItemKind.DEADLINE and tables.queue.is_called(run.id):
            return Settled()  # the open call may still end the run; its answer decides
        return settlement.apply(too_late(tables, registry, run, now_ms=now_ms))
    step = tables.steps.get(item.run_id, item.step_id or "")
    if run is None or step is None or step.status.is_terminal:
        tables.queue.done(item)
        return Settled()
    changes = time_is_up(run, step, around=tables.around(run.id, step), now_ms=run.at(now_ms))
    return settlement.apply(changes)
