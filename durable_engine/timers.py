"""Items that come due without a call: a sleep ends, a wait or an invocation times out, a run is too late."""

from __future__ import annotations

from durable_engine.cancelling import cancellation
from durable_engine.durations import format_duration
from durable_engine.lifecycle.resume import time_is_up
from durable_engine.model.function import Function
from durable_engine.model.queue_item import ItemKind, QueueItem
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.tables import Tables


def fire_timer(tables: Tables, registry: Registry, *, item: QueueItem, now_ms: int) -> Settled:
    """Do what a leased item without a call stands for; nothing happens when that is over already."""
    if tables.queue.held(item.id, item.lease) is None:
        return Settled()
    run = tables.runs.get(item.run_id)
    settlement = Settlement(tables, registry, now_ms=now_ms)
    if run is not None and item.kind is ItemKind.DEADLINE:
        reason = _too_late(run, registry.by_id(run.function_id))
        return settlement.apply(cancellation(tables, registry, run, reason=reason, now_ms=now_ms))
    step = tables.steps.get(item.run_id, item.step_id or "")
    if run is None or step is None or step.status.is_terminal:
        tables.queue.done(item)
        return Settled()
    changes = time_is_up(run, step, around=tables.around(run.id, step), now_ms=now_ms)
    return settlement.apply(changes)


def _too_late(run: Run, function: Function) -> str:
    """Say which of the function's time-outs has passed; a sync may have changed its length meanwhile."""
    is_start = run.status is RunStatus.QUEUED
    limit_ms = function.start_timeout_ms if is_start else function.finish_timeout_ms
    limit = f" of {format_duration(limit_ms)}" if limit_ms is not None else ""
    if is_start:
        return f"because it did not start within timeouts.start{limit}"
    return f"because it did not end within timeouts.finish{limit}"
