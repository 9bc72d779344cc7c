"""One queue item from start to commit: take → call the app → decide → commit.

The transaction that commits an item also takes the item that is due next, for the slot that has become
free: a run of sequential steps costs one transaction a step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from durable_engine.clock import Clock
from durable_engine.errors import StorageError
from durable_engine.lifecycle.decide import decide
from durable_engine.lifecycle.facts import CallFacts
from durable_engine.model.call import Call
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.op import RunReturned
from durable_engine.model.queue_item import ItemKind, QueueItem
from durable_engine.model.reply import Ops, Reply
from durable_engine.registry import Registry
from durable_engine.sdk.client import SDKClient
from durable_engine.sdk.reply import failure
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables
from durable_engine.timers import fire_timer

logger = logging.getLogger(__name__)

_STORAGE_RETRY_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A leased item and, unless it is a timer, the call it asks for, or why that could not be loaded."""

    item: QueueItem
    call: Call | None = None
    fault: Exception | None = None


def take_due(
    tables: Tables, registry: Registry, *, now_ms: int, limit: int, only_timers: bool = False
) -> list[Work]:
    """Lease up to `limit` due items and load what their calls need; a first call starts its run."""
    items = tables.queue.lease_due(now_ms=now_ms, limit=limit, only_timers=only_timers)
    return [_load(tables, registry, item, now_ms=now_ms) for item in items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a commit brought: its effects, the work taken next, and when the item after that is due."""

    settled: Settled
    taken: Work | None = None
    next_due_ms: int | None = None


class Executor:
    """Carries out leased work."""

    def __init__(
        self, database: Database, client: SDKClient, clock: Clock, registry: Callable[[], Registry]
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._registry = registry

    async def execute(self, work: Work) -> Done:
        """Do the work, commit its outcome and take what is due next; a late commit writes nothing."""
        item = work.item
        if work.fault is not None:
            return await self.abandon(item, work.fault)
        if work.call is None:
            return await self._commit(partial(fire_timer, item=item))
        started_ms = self._clock.now_ms()
        reply = await self._client.call(work.call, now=self._clock.now_ms)
        return await self._commit(partial(_answer, item=item, reply=reply, started_ms=started_ms))

    async def abandon(self, item: QueueItem, fault: Exception) -> Done:
        """End the run of an item that a bug of ours keeps from being done: never a silent hang."""
        logger.error("item failed", exc_info=fault, extra={"run_id": item.run_id, "item_id": item.id})
        error = failure(
            "InternalEngineError",
            f"Stepcue failed while it worked on this run ({type(fault).__name__}); its log has the details.",
            is_retriable=False,
        )
        started_ms = self._clock.now_ms()
        try:
            return await self._commit(partial(_answer, item=item, reply=error, started_ms=started_ms))
        except Exception:
            logger.exception("run could not be ended", extra={"run_id": item.run_id})
            return Done(settled=Settled())

    async def _commit(self, work: Callable[..., Settled]) -> Done:
        """Run `work` in a transaction; a data file that fails for a while is tried again, as the answer
        of the app is in hand and asking for it again would run the user's code twice.
        """
        now_ms = self._clock.now_ms()

        def commit(tables: Tables) -> Done:
            registry = self._registry()
            settled = work(tables, registry, now_ms=now_ms)
            taken = take_due(tables, registry, now_ms=now_ms, limit=1)
            return Done(
                settled=settled,
                taken=taken[0] if taken else None,
                next_due_ms=tables.queue.next_due_ms(),
            )

        while True:
            try:
                return await self._database.transact(commit)
            except StorageError:
                logger.exception("an answer could not be stored; trying again soon")
                await self._clock.patience(_STORAGE_RETRY_S)


def _load(tables: Tables, registry: Registry, item: QueueItem, *, now_ms: int) -> Work:
    if item.kind is ItemKind.TIMER:
        return Work(item=item)
    try:
        return Work(item=item, call=_load_call(tables, registry, item, now_ms=now_ms))
    except Exception as fault:  # noqa: BLE001 - an item that cannot be loaded must not hold up the others
        return Work(item=item, fault=fault)


def _load_call(tables: Tables, registry: Registry, item: QueueItem, *, now_ms: int) -> Call:
    run = tables.runs.get(item.run_id)
    if run is None:
        raise LookupError(f"queue item {item.id} belongs to no run")
    if tables.runs.start(run.id, now_ms=now_ms):
        tables.history.append(HistoryEntry(run_id=run.id, at_ms=now_ms, kind=HistoryKind.RUN_STARTED))
    if item.step_id is not None:
        tables.steps.mark_calling(run.id, item.step_id, now_ms=now_ms)
    function = registry.by_id(run.function_id)
    return Call(
        url=function.url,
        run_id=run.id,
        function_id=function.id,
        item_id=item.id,
        target=item.step_id,
        attempt=item.attempt,
        max_attempts=function.max_attempts,
        execution_version=run.execution_version,
        # A targeted call must not run whatever else it comes across.
        plans_only=run.plans_only or item.kind is ItemKind.STEP,
        events=[tables.events.payload(run.event_id)],
        memos=tables.steps.memos(run.id),
    )


def _answer(
    tables: Tables,
    registry: Registry,
    *,
    item: QueueItem,
    reply: Reply,
    started_ms: int,
    now_ms: int,
) -> Settled:
    if not tables.queue.is_held(item):
        logger.warning("late answer dropped", extra={"run_id": item.run_id, "item_id": item.id})
        return Settled()
    facts = _load_facts(tables, registry, item, reply, started_ms=started_ms, now_ms=now_ms)
    settlement = Settlement(tables, registry, now_ms=now_ms)
    settled = settlement.apply(decide(facts, reply))
    tables.queue.done(item)
    return settled


def _load_facts(
    tables: Tables,
    registry: Registry,
    item: QueueItem,
    reply: Reply,
    *,
    started_ms: int,
    now_ms: int,
) -> CallFacts:
    run = tables.runs.get(item.run_id)
    if run is None:
        raise LookupError(f"queue item {item.id} belongs to no run")
    steps = tables.steps.some(run.id, _step_ids(item, reply))
    target = steps.get(item.step_id) if item.step_id else None
    at_work = tables.queue.steps_at_work(item) | tables.pauses.steps_waiting(run.id)
    return CallFacts(
        run=run,
        function=registry.by_id(run.function_id),
        load_event=partial(tables.events.get, run.event_id),
        item=item,
        steps=steps,
        open_in_group=tables.steps.open_in_group(run.id, target.group_id if target else None),
        at_work=at_work,
        step_count=tables.steps.count(run.id),
        has_other_work=bool(at_work) or tables.queue.has_others(item),
        started_ms=started_ms,
        now_ms=now_ms,
    )


def _step_ids(item: QueueItem, reply: Reply) -> list[str]:
    step_ids = [item.step_id] if item.step_id else []
    if isinstance(reply, Ops):
        step_ids += [op.step.id for op in reply.ops if not isinstance(op, RunReturned)]
    return step_ids
