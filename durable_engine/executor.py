"""One queue item from start to commit: take → call → decide → commit.

The transaction that commits items also takes as many that are due next, for the slots that have become
free: a run of sequential steps costs one transaction a step.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import Final, TypeVar

from durable_engine.admission import admit, leave, next_admission_ms
from durable_engine.answers import commit_answer
from durable_engine.clock import Clock
from durable_engine.doubles.calls import Answer, StandIns
from durable_engine.doubles.choosing import Chosen, prepare
from durable_engine.errors import StorageError
from durable_engine.gateway.client import GatewayClient
from durable_engine.lifecycle.app_time import AppTime, in_run_time
from durable_engine.model.call import Call
from durable_engine.model.changes import ItemRetry
from durable_engine.model.endpoint import EndpointCall
from durable_engine.model.function import Function
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import parse_json
from durable_engine.model.queue_item import ItemKind, NewItem, QueueItem
from durable_engine.model.reply import Reply
from durable_engine.model.run import Run
from durable_engine.model.slot import SlotKind, share_of
from durable_engine.model.status import RunStatus
from durable_engine.model.step import Step
from durable_engine.pacing import Line
from durable_engine.registry import Registry
from durable_engine.sdk.call_request import MAX_BODY_BYTES
from durable_engine.sdk.client import SDKClient
from durable_engine.sdk.reply import failure
from durable_engine.settle import Settled, repair_stalled
from durable_engine.skipping import skip_ahead
from durable_engine.slots import Slots, some_wait
from durable_engine.standing import note_held
from durable_engine.storage.database import Database, Sequel, Tell
from durable_engine.storage.file_faults import is_damage, is_file_fault
from durable_engine.storage.tables import Tables
from durable_engine.timers import fire_timer

logger = logging.getLogger(__name__)
T = TypeVar("T")

_MENDED_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A leased item and what it asks for: a call to the app, a request of the engine's own (`gateway`),
    nothing for a timer and for a call that comes too late; or why that could not be loaded. `double` is what
    stands in for it. The time of its run is `offset_ms` ahead of the engine's.
    """

    item: QueueItem
    offset_ms: int = 0
    call: Call | None = None
    gateway: Step | None = None
    double: Chosen | None = None
    fault: Exception | None = None


def take_due(
    tables: Tables, registry: Registry, *, now_ms: int, limit: int, lanes_first: bool = True
) -> list[Work]:
    """Lease up to `limit` due items for which there are slots, and load what their calls need; a first call
    starts its run.

    `lanes_first`: calls that wait for their turn in lanes go before those that need not. Calls of paused
    functions are put aside.
    """
    if limit <= 0:
        return []
    slots = Slots(tables, registry)

    def from_lanes(room: int) -> list[QueueItem]:
        is_made = partial(_is_made, tables, registry, now_ms)
        return admit(tables, slots, is_made, now_ms=now_ms, limit=room)

    def others(room: int) -> list[QueueItem]:
        return slots.take_due(now_ms=now_ms, limit=room)

    items: list[QueueItem] = []
    for take in (from_lanes, others) if lanes_first else (others, from_lanes):
        items += take(limit - len(items))
    taken: list[Work] = []
    for item in items:
        work = _load(tables, registry, item, now_ms=now_ms)
        if work is not None:
            taken.append(work if item.share else _counted(slots, registry, work))
        elif item.share:
            slots.leave(item)
    return taken


def _counted(slots: Slots, registry: Registry, work: Work) -> Work:
    """Let work keep a slot that was leased before it was known whose it is."""
    if work.gateway is not None:
        share = slots.share_of(work.item.id)
    elif work.call is not None:
        share = share_of(SlotKind.CALL, registry.by_id(work.call.function_id).app_name)
    else:
        share = share_of(SlotKind.TIMER, "")
    return replace(work, item=slots.count(work.item, share))


def next_due_ms(tables: Tables, registry: Registry, *, now_ms: int) -> int | None:
    """Return when there is work to take again, which may be now."""
    times = [tables.queue.next_due_ms(), tables.appointments.next_due_ms()]
    times.append(tables.timelines.next_planned_ms(now_ms=now_ms))
    times.append(next_admission_ms(tables, now_ms=now_ms))
    times.append(now_ms if some_wait(tables, registry) else None)
    return min((time for time in times if time is not None), default=None)


@dataclass(slots=True, kw_only=True)
class Done:
    """What the commit of an item at `at_ms` brought: effects, the work taken next, and when more is due."""

    item: QueueItem
    at_ms: int
    settled: Settled
    taken: Work | None = None
    next_due_ms: int | None = None


class Executor:
    """Carries out leased work."""

    def __init__(
        self,
        database: Database,
        client: SDKClient,
        gateway: GatewayClient,
        clock: Clock,
        registry: Callable[[], Registry],
    ) -> None:
        self._database = database
        self._client = client
        self._gateway = gateway
        self._clock = clock
        self._registry = registry
        self._stand_ins = StandIns()
        self._storing = asyncio.Lock()
        self._lines: defaultdict[int, Line] = defaultdict(Line)
        self.goes_on = True
        """Whether a commit takes the item that is due next."""

    async def execute(self, work: Work) -> Done:
        """Do the work, commit its outcome and take what is due next; a late commit writes nothing."""
        item = work.item
        if work.fault is not None:
            return await self.abandon(item, work.fault)
        if work.gateway is not None:
            step, started_ms = work.gateway, self._clock.now_ms()
            request = parse_json(step.detail or "{}")
            ask = partial(self._gateway.perform, step.ref, step.kind, request, now=self._clock.wall_ms)
            answer = await self._stand_ins.answer(item, work.double, ask)
            return await self._commit_answer(item, answer, started_ms=started_ms)
        if work.call is None:
            return await self._commit(item, partial(fire_timer, item=item))
        line = self._lines[item.share]
        turn = await line.enter()
        try:
            started_ms = self._clock.now_ms()  # what waits has not begun
            ask = partial(self._call, work.call, offset_ms=work.offset_ms)
            answer = await self._stand_ins.answer(item, work.double, ask)
        finally:
            line.leave(turn)
        sent = None if work.call.endpoint is not None else work.call.memos
        return await self._commit_answer(item, answer, started_ms=started_ms, sent=sent)

    async def _call(self, call: Call, *, offset_ms: int) -> Reply:
        sent_ms = self._clock.wall_ms()
        reply = await self._client.call(call, now=self._clock.wall_ms)
        answered_ms = self._clock.wall_ms()
        lead_ms = self._clock.now_ms() - answered_ms + offset_ms
        return in_run_time(reply, AppTime(sent_ms=sent_ms, answered_ms=answered_ms, lead_ms=lead_ms))

    async def abandon(self, item: QueueItem, fault: Exception) -> Done:
        """End the run of an item that a bug of ours keeps from being done: never a silent hang.

        Should that fail as well, the item is tried again every minute, each time with words in the log.
        """
        logger.error("work on run %s failed", item.run_id, exc_info=fault)
        error = failure(
            "InternalEngineError",
            f"Stepcue failed while it worked on this run ({type(fault).__name__}); its log has the details.",
            is_retriable=False,
        )
        started_ms = self._clock.now_ms()

        def end(tables: Tables, registry: Registry, *, now_ms: int) -> Settled:
            run = tables.runs.get_lean(item.run_id)
            if run is not None:
                tables.runs.start(run.id, now_ms=run.at(now_ms))  # only what has started can fail
            return commit_answer(
                tables, registry, item=item, reply=error, started_ms=started_ms, now_ms=now_ms
            )

        try:
            return await self._commit(item, end)
        except Exception:
            logger.exception("run %s could not be ended; trying again in a minute", item.run_id)
            again = ItemRetry(item_id=item.id, due_ms=self._clock.now_ms() + _MENDED_MS, attempt=item.attempt)

            def put_back(tables: Tables) -> None:
                run = tables.runs.get_lean(item.run_id)
                offset_ms = 0 if run is None else run.offset_ms
                tables.queue.retry(replace(again, due_ms=again.due_ms + offset_ms))
                leave(tables, item, now_ms=self._clock.now_ms())

            await self._store(put_back)
            return Done(item=item, at_ms=started_ms, settled=Settled())

    async def _commit_answer(
        self, item: QueueItem, answer: Answer, *, started_ms: int, sent: Iterable[str] | None = None
    ) -> Done:
        commit = partial(commit_answer, item=item, started_ms=started_ms, sent=sent)
        return await self._commit(item, partial(answer, commit))

    async def _commit(self, item: QueueItem, work: Callable[..., Settled]) -> Done:
        """Run `work` in a transaction; a data file that fails for a while is tried again, as the answer
        of the app is in hand and asking for it again would run the user's code twice.
        """
        now_ms = self._clock.now_ms()

        def commit(tables: Tables) -> Done:
            registry = self._registry()
            settled = work(tables, registry, now_ms=now_ms)
            leave(tables, item, now_ms=now_ms)
            settled.add(skip_ahead(tables, registry, now_ms=now_ms, of_run=item.run_id))
            return Done(item=item, at_ms=now_ms, settled=settled)

        return await self._store(commit, then=self._go_on)

    def _go_on(self, tables: Tables, dones: list[Done]) -> Tell:
        """Take as much as a group of commits has ended, and let nothing hang that they touched."""
        registry, now_ms = self._registry(), max(done.at_ms for done in dones)
        # With all slots taken, calls with lanes and those without have every other one that becomes free.
        from_lanes = sum(done.item.lane_id is None for done in dones)
        taken: list[Work] = []
        for limit, lanes_first in ((from_lanes, True), (len(dones) - from_lanes, False)):
            if self.goes_on:
                taken += take_due(tables, registry, now_ms=now_ms, limit=limit, lanes_first=lanes_first)
        # What was taken goes on. What this repairs is due, which the time below tells.
        going = {work.item.run_id for work in taken}.union(*(done.settled.ended for done in dones))
        touched = [run_id for done in dones for run_id in (done.item.run_id, *done.settled.resumed)]
        idle = [run_id for run_id in touched if run_id not in going]
        repair_stalled(tables, registry, idle, dones[-1].settled, now_ms=now_ms)
        due_ms = next_due_ms(tables, registry, now_ms=now_ms)

        def tell() -> None:  # not before: no call is made whose lease may be undone
            for done, work in zip_longest(dones, taken):
                done.taken, done.next_due_ms = work, due_ms

        return tell

    async def _store(self, work: Callable[[Tables], T], *, then: Sequel | None = None) -> T:
        """Run `work` in a transaction, again and again as long as the data file fails.

        At first like everybody, then one after the other: one that finds no room must not take others along.
        """
        try:
            return await self._database.transact(work, then=then, may_repeat=True)
        except StorageError as fault:
            outage = self._database.outage
            outage.met(fault)
        while True:
            await outage.may_try()
            async with self._storing:
                try:
                    return await self._database.transact(work, then=then, may_repeat=True)
                except StorageError as fault:
                    outage.met(fault)


def _is_made(tables: Tables, registry: Registry, now_ms: int, item: QueueItem) -> bool:
    """Whether a call will be made: its run is not too late, and its function not paused."""
    run = tables.runs.get_lean(item.run_id)
    if run is None or not registry.knows(run.function_id):
        return True  # loading it says what is wrong
    function = registry.by_id(run.function_id)
    return not (function.is_paused or _is_late(tables, function, run, now_ms=now_ms))


def _is_late(tables: Tables, function: Function, run: Run, *, now_ms: int) -> bool:
    return function.has_timeouts and tables.queue.is_overdue(run.id, now_ms=now_ms)


def _load(tables: Tables, registry: Registry, item: QueueItem, *, now_ms: int) -> Work | None:
    """Return the work that an item stands for; None for a call that a paused function does not make."""
    if not item.kind.is_call:
        return Work(item=item)
    try:
        return _load_work(tables, registry, item, now_ms=now_ms)
    except Exception as fault:
        if is_file_fault(fault) and not is_damage(fault):
            raise  # the run is not to blame
        return Work(item=item, fault=fault)


def _load_work(tables: Tables, registry: Registry, item: QueueItem, *, now_ms: int) -> Work | None:
    run = tables.runs.get(item.run_id)
    if run is None:
        raise LookupError(f"queue item {item.id} belongs to no run")
    function = registry.by_id(run.function_id)
    if _is_late(tables, function, run, now_ms=now_ms):
        return Work(item=item)
    if function.is_paused:
        tables.queue.hold(item, now_ms=now_ms)
        return None
    _note_wait(tables, item, run, now_ms=now_ms)
    if run.status is RunStatus.QUEUED and tables.runs.start(run.id, now_ms=run.at(now_ms)):
        _note_start(tables, run, finish_timeout_ms=function.finish_timeout_ms, now_ms=run.at(now_ms))
    target = None
    if item.step_id is not None:
        tables.steps.mark_calling(run.id, item.step_id, now_ms=run.at(now_ms))
        target = tables.steps.get(run.id, item.step_id)
    doubled = prepare(tables, run, item, target, now_ms=now_ms)
    if target is not None and target.kind.is_gateway:
        return Work(item=item, offset_ms=run.offset_ms, gateway=target, double=doubled.chosen)
    group_id = target.group_id if target else None
    is_large = run.state_bytes > MAX_BODY_BYTES and group_id is None
    call = Call(
        url=function.url,
        run_id=run.id,
        function_id=function.id,
        item_id=item.id,
        item_ref=item.ref,
        target=item.step_id,
        attempt=item.attempt,
        max_attempts=function.max_attempts,
        execution_version=run.execution_version,
        # A targeted call must not run whatever else it comes across.
        plans_only=run.plans_only or item.kind is ItemKind.STEP or doubled.plans_first,
        events=[tables.events.payload(event_id) for event_id in tables.runs.event_ids(run)],
        # The step is reached on the way that was taken when it was planned: the results of those planned
        # with it, an error above all, could lead the function elsewhere.
        memos=_no_memos(tables, run) if is_large else tables.steps.memos(run.id, without_group=group_id),
        is_large=is_large,
        given={target.ref.id: target.detail} if target is not None and target.detail else {},
        endpoint=_endpoint_call(tables, run) if function.is_endpoint else None,
    )
    return Work(item=item, offset_ms=run.offset_ms, call=call, double=doubled.chosen)


def _no_memos(tables: Tables, run: Run) -> dict[str, str]:
    """Name the steps that have ended, without their memos: what is sent only to be too large is not read."""
    return dict.fromkeys(tables.steps.memo_ids(run.id), "")


def _note_wait(tables: Tables, item: QueueItem, run: Run, *, now_ms: int) -> None:
    """Keep in the history of a run what held its call, and for how long."""
    if item.lane_id is None or item.ready_ms is None or item.ready_ms >= now_ms:
        return
    held_by = tables.lanes.held_by(item.lane_id)
    if held_by is not None:
        note_held(tables, item, run, by=held_by, now_ms=now_ms)


def _endpoint_call(tables: Tables, run: Run) -> EndpointCall:
    return EndpointCall.of(tables.events.get(run.event_id).data)


def _note_start(tables: Tables, run: Run, *, finish_timeout_ms: int | None, now_ms: int) -> None:
    """The first call of a run is made: it has started in time, and may have to end in time."""
    tables.history.append(HistoryEntry(run_id=run.id, at_ms=now_ms, kind=HistoryKind.RUN_STARTED))
    tables.queue.close_deadline(run.id)
    if finish_timeout_ms is not None:
        deadline_ms = now_ms + finish_timeout_ms
        tables.queue.insert(NewItem(run_id=run.id, kind=ItemKind.DEADLINE, due_ms=deadline_ms))
