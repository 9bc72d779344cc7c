"""Commit what an app answered: the answer to a call, or the steps it reports while the call goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from durable_engine.cancelling import too_late
from durable_engine.doubles.waits import stand_in
from durable_engine.errors import StaleCallError
from durable_engine.lifecycle.decide import checkpoint, decide
from durable_engine.lifecycle.facts import CallFacts
from durable_engine.model.changes import ItemRetry
from durable_engine.model.event import Event
from durable_engine.model.op import RunReturned, StepRan, WaitForSignal
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.reply import Ops, Reply
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.tables import Tables

logger = logging.getLogger(__name__)

_MAX_DIGITS: Final = 18
"""Longer numbers are none that SQLite can hold."""


def commit_answer(
    tables: Tables,
    registry: Registry,
    *,
    item: QueueItem,
    reply: Reply,
    started_ms: int,
    now_ms: int,
    sent: Iterable[str] | None = None,
) -> Settled:
    """Write what `reply` to the call for `item` changes; a late one changes nothing.

    `sent` are the ids of the steps whose memos the call carried.
    """
    held = tables.queue.held(item.id, item.lease)
    if held is None:
        logger.warning("late answer of run %s dropped", item.run_id)
        return Settled()
    facts = _load_facts(tables, registry, held, reply, started_ms=started_ms, sent=sent, now_ms=now_ms)
    settlement = Settlement(tables, registry, now_ms=now_ms)
    settled = settlement.apply(decide(facts, stand_in(tables, facts, reply)))
    if held.run_id not in settled.ended:  # nor is anything else of its work left
        tables.queue.done(held)
    if facts.function.has_timeouts and tables.queue.is_overdue(held.run_id, now_ms=now_ms):
        # Source: the SDK's documentation; a call that began in time may still end the run, nothing follows.
        run = tables.runs.get(held.run_id)
        if run is not None and not run.status.is_terminal:
            settlement.apply(too_late(tables, registry, run, now_ms=now_ms))
    return settled


def commit_checkpoint(
    tables: Tables, registry: Registry, *, run_id: str, item_ref: str, reply: Ops, now_ms: int
) -> Settled:
    """Write the steps that the SDK reports in the middle of a call.

    `item_ref` is what the call carried as `qi_id`.

    Raises:
        StaleCallError: that call does not count any more: the run has ended, or the call was made again.
    """
    item_id, _, lease = item_ref.partition(".")
    is_ref = all(part.isdecimal() and len(part) <= _MAX_DIGITS for part in (item_id, lease))
    held = tables.queue.held(int(item_id), int(lease)) if is_ref else None
    if held is None or held.run_id != run_id:
        raise StaleCallError(
            f"The call {item_ref[:40]!r} of run {run_id[:40]!r} does not count any more: the run has ended, "
            "or the call was made again.",
            hint="Stop working on it.",
        )
    facts = _load_facts(tables, registry, held, reply, now_ms=now_ms)
    stand_in(tables, facts, reply)  # what has run has run, which is noted
    settled = Settlement(tables, registry, now_ms=now_ms).apply(checkpoint(facts, reply))
    tables.queue.start_attempts_anew(held)
    return settled


def commit_report(
    tables: Tables, registry: Registry, *, item: QueueItem, reply: Reply, silence_ms: int, now_ms: int
) -> Settled:
    """Write what an endpoint reports while it answers the request that began the run.

    As long as its steps just run, the app goes on by itself: `item` is put off, and due only if the app is
    silent for `silence_ms`. Anything else is for the engine to go on with.
    """
    facts = _load_facts(tables, registry, item, reply, now_ms=now_ms)
    reply = stand_in(tables, facts, reply)
    settlement = Settlement(tables, registry, now_ms=now_ms)
    if isinstance(reply, Ops) and all(isinstance(op, StepRan) for op in reply.ops):
        changes = checkpoint(facts, reply)
        changes.retries.append(ItemRetry(item_id=item.id, due_ms=facts.now_ms + silence_ms, attempt=0))
        return settlement.apply(changes)
    settled = settlement.apply(decide(facts, reply))
    tables.queue.done(item)
    return settled


def _load_facts(
    tables: Tables,
    registry: Registry,
    item: QueueItem,
    reply: Reply,
    *,
    started_ms: int | None = None,
    sent: Iterable[str] | None = None,
    now_ms: int,
) -> CallFacts:
    run = tables.runs.get(item.run_id)
    if run is None:
        raise LookupError(f"queue item {item.id} belongs to no run")
    steps = tables.steps.some(run.id, _step_ids(item, reply))
    target = steps.get(item.step_id) if item.step_id else None
    step_count, others = tables.queue.around(item)
    return CallFacts(
        run=run,
        function=registry.by_id(run.function_id),
        load_events=_Once(partial(tables.events_of, run)),
        item=item,
        steps=steps,
        open_in_group=tables.steps.open_in_group(run.id, target.group_id if target else None),
        at_work=frozenset(step_id for step_id in others if step_id is not None),
        step_count=step_count,
        has_other_work=bool(others),
        started_ms=None if started_ms is None else run.at(started_ms),
        sent=None if sent is None else frozenset(sent),
        signal_holders=_signal_holders(tables, reply),
        now_ms=run.at(now_ms),
    )


class _Once:
    """Events that are loaded when somebody asks for them, and then kept."""

    def __init__(self, load: Callable[[], list[Event]]) -> None:
        self._load = load
        self._events: list[Event] | None = None

    def __call__(self) -> list[Event]:
        if self._events is None:
            self._events = self._load()
        return self._events


def _step_ids(item: QueueItem, reply: Reply) -> list[str]:
    step_ids = [item.step_id] if item.step_id else []
    if isinstance(reply, Ops):
        step_ids += [op.step.id for op in reply.ops if not isinstance(op, RunReturned)]
    return step_ids


def _signal_holders(tables: Tables, reply: Reply) -> dict[str, tuple[str, str]]:
    """Return the steps that wait already for the signals that the reply wants to wait for."""
    if not isinstance(reply, Ops):
        return {}
    wanted = {op.signal for op in reply.ops if isinstance(op, WaitForSignal)}
    pauses = filter(None, map(tables.pauses.for_signal, wanted))
    return {str(pause.signal): (pause.run_id, pause.step_id) for pause in pauses}
