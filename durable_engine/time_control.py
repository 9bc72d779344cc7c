"""Moves time: the engine's, or only that of one run and of what belongs to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from durable_engine.clock import Clock
from durable_engine.errors import InvalidInputError, RunAlreadyEndedError
from durable_engine.executor import next_due_ms
from durable_engine.intake import MAX_TS_MS
from durable_engine.lifecycle.waits import DEFAULT_TIMEOUT_MS
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.plan import PlannedEvent
from durable_engine.model.run import Run
from durable_engine.registry import Registry
from durable_engine.settle import Settled
from durable_engine.signals import Signals
from durable_engine.skipping import is_at_rest, own_time
from durable_engine.storage.database import Database
from durable_engine.storage.setting_table import CLOCK_SHIFT_MS
from durable_engine.storage.tables import Tables
from durable_engine.transactions import Transactions

MAX_ADVANCE_MS: Final = 366 * 86_400_000
"""How far time can be moved at once: as long as the longest sleep."""
MAX_FIRED: Final = 100
_MOST_CALLS: Final = 5
_FIRED: Final = frozenset(
    {
        HistoryKind.RUN_QUEUED,
        HistoryKind.RUN_COMPLETED,
        HistoryKind.RUN_FAILED,
        HistoryKind.RUN_CANCELLED,
        HistoryKind.STEP_COMPLETED,
        HistoryKind.STEP_FAILED,
        HistoryKind.STEP_TIMED_OUT,
        HistoryKind.STEP_ERRORED,
        HistoryKind.CALL_FAILED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """Something that happened while time passed.

    `at_ms` is in the time of its run, `kind` as in histories.
    """

    kind: str
    at_ms: int
    run_id: str
    function_slug: str
    step_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What moving time did, in engine milliseconds.

    `fired` are the first things that happened meanwhile, in order, of `count` in all. `now_ms` is before
    `target_ms` (None for the end of a run) when the caller's patience ended first; `open_calls` are then the
    runs whose apps have not answered. `next_due_ms` is when the next thing is due. `engine_ms` is the
    engine's time, and `shift_ms` how far the engine's clock is ahead of the real one. With `run_id` only the
    time of that run was moved, and the times are its own.
    """

    from_ms: int
    now_ms: int
    target_ms: int | None
    fired: tuple[Fired, ...]
    count: int
    next_due_ms: int | None
    shift_ms: int
    engine_ms: int
    open_calls: tuple[str, ...] = ()
    run_id: str | None = None
    has_ended: bool = False
    """Whether that run has."""

    @property
    def is_complete(self) -> bool:
        """Whether the time that was asked for was reached, or the run ended before."""
        return self.has_ended or (self.target_ms is not None and self.now_ms >= self.target_ms)


class TimeControl:
    """The engine's time as callers may move it. It never goes back by itself."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        transactions: Transactions,
        signals: Signals,
        registry: Callable[[], Registry],
    ) -> None:
        self._database = database
        self._clock = clock
        self._transactions = transactions
        self._signals = signals
        self._registry = registry
        self._one_at_a_time = asyncio.Lock()

    @property
    def now_ms(self) -> int:
        """The engine's time."""
        return self._clock.now_ms()

    @property
    def shift_ms(self) -> int:
        """How far the engine's clock is ahead of the real one, because somebody has moved it."""
        return self._clock.now_ms() - self._clock.wall_ms()

    async def patience(self, seconds: float) -> None:
        """Return when a caller has waited so long, in real time."""
        await self._clock.patience(seconds)

    @property
    def moving(self) -> asyncio.Lock:
        """Held while somebody moves the engine's time, or replaces it with the state."""
        return self._one_at_a_time

    async def planned(self, run_id: str) -> list[PlannedEvent]:
        """Return the events that were planned for a run, sent or not."""
        return await self._database.read(lambda tables: tables.timelines.planned(run_id))

    async def rested(self, run_ids: Sequence[str]) -> None:
        """Return when nothing goes on by itself in the times that these runs have of their own.

        It never does while one of them is open that has none: that one goes on with the engine's time.
        """
        for run_id in run_ids:
            run = await self._find(run_id)
            if run is None or run.status.is_terminal:
                continue
            rest = self._signals.rest_of(run.timeline_id or "")
            if run.timeline_id is None or not await self._is_at_rest(run.timeline_id):
                await rest.wait()

    async def restore(self) -> None:
        """Move the clock to where it was when the data file was closed, as if it had gone on since."""
        shift_ms = await self._database.read(lambda tables: tables.settings.number(CLOCK_SHIFT_MS))
        if shift_ms:
            await self._clock.move_to(self._clock.wall_ms() + shift_ms)

    async def advance(
        self, *, by_ms: int | None = None, to_ms: int | None = None, patience_s: float
    ) -> Advance:
        """Move the engine's time: all that comes due meanwhile happens when it does, in due order.

        Give `by_ms` or `to_ms`. When `patience_s` seconds of real time have passed, time stays where it is by
        then. A second call waits for the first one.

        Raises:
            InvalidInputError: neither or both were given, or the target is in the past or too far away.
        """
        async with self._one_at_a_time:
            from_ms = self._clock.now_ms()
            target_ms = _target(from_ms, by_ms=by_ms, to_ms=to_ms)
            first = await self._database.read(lambda tables: tables.history.newest())
            walk = asyncio.create_task(self._walk(target_ms))
            patience = asyncio.create_task(self._clock.patience(patience_s))
            try:
                await asyncio.wait({walk, patience}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                patience.cancel()
                walk.cancel()
            (outcome,) = await asyncio.gather(walk, return_exceptions=True)
            if isinstance(outcome, Exception):
                raise outcome
            return await self._told(first, from_ms=from_ms, target_ms=target_ms)

    async def skip(
        self,
        run_id: str,
        *,
        by_ms: int | None = None,
        to_ms: int | None = None,
        to_end: bool = False,
        patience_s: float,
    ) -> Advance:
        """Move the time of one open run, and of the runs that it waits for or that wait for it.

        It moves by or to a time (in the run's own), or until they have all ended, or else to what comes next.
        The time of all other runs stays.

        Raises:
            RunNotFoundError: no such run.
            RunAlreadyEndedError: it has ended before.
            InvalidInputError: as `advance`; or nothing comes next for the run.
        """
        asked: list[tuple[int, int | None, int]] = []

        def change(tables: Tables, _registry: Registry, now_ms: int) -> Settled:
            run = tables.runs.known(run_id)
            if run.status.is_terminal:
                raise RunAlreadyEndedError(f"Run {run_id} has ended before: it is {run.status}.")
            from_ms, timeline_id = run.at(now_ms), own_time(tables, run)
            until_ms = None
            if by_ms is not None or to_ms is not None:
                until_ms = _target(from_ms, by_ms=by_ms, to_ms=to_ms)
            elif not to_end:
                until_ms = run.at(_coming_ms(tables, run_id, timeline_id, now_ms=now_ms))
            asked.append((from_ms, until_ms, tables.history.newest()))
            _let_jump(tables, timeline_id, from_ms=from_ms, until_ms=until_ms, now_ms=now_ms)
            return Settled()

        over = asyncio.ensure_future(self._clock.patience(patience_s))
        try:
            if by_ms is None and to_ms is None and not to_end and await self._is_moving(run_id):
                await self._settled_before(over)  # what comes next is what the call asks for
            await self._transactions.commit(change)
            await self._before(over, self.rested([run_id]))
        finally:
            over.cancel()
        ((from_ms, until_ms, first),) = asked
        return await self._told(first, from_ms=from_ms, target_ms=until_ms, run_id=run_id)

    async def _walk(self, target_ms: int) -> None:
        await self._signals.settled()
        while (due_ms := await self._next_due_ms()) is not None and due_ms <= target_ms:
            if self._signals.is_stopping:  # nothing is waited for any more, so that no order can be kept
                return
            await self._move_to(due_ms)
            await self._signals.settled()
        if self._signals.is_stopping:
            return
        await self._move_to(target_ms)
        await self._signals.settled()

    async def _move_to(self, due_ms: int) -> None:
        """Move forward, and remember it first: after a restart time must not be earlier than before."""
        now_ms = self._clock.now_ms()
        if due_ms <= now_ms:
            return
        shift_ms = due_ms - self._clock.wall_ms()
        await self._database.transact(lambda tables: tables.settings.set_number(CLOCK_SHIFT_MS, shift_ms))
        await self._clock.move_to(max(due_ms, self._clock.now_ms()))
        self._signals.work_changed()

    async def _next_due_ms(self) -> int | None:
        now_ms = self._clock.now_ms()
        return await self._database.transact(partial(next_due_ms, registry=self._registry(), now_ms=now_ms))

    async def _is_moving(self, run_id: str) -> bool:
        """Whether a run is called, or is about to be."""
        now_ms = self._clock.now_ms()
        work = await self._database.read(lambda tables: tables.queue.of_run(run_id))
        return any(item.is_leased or (item.ready_ms is None and item.due_ms <= now_ms) for item in work)

    async def _find(self, run_id: str) -> Run | None:
        return await self._database.read(lambda tables: tables.runs.find(run_id))

    async def _is_at_rest(self, timeline_id: str) -> bool:
        now_ms = self._clock.now_ms()
        return await self._database.transact(lambda tables: is_at_rest(tables, timeline_id, now_ms=now_ms))

    async def _settled_before(self, over: asyncio.Future[None]) -> None:
        await self._before(over, self._signals.settled())

    async def _before(self, over: asyncio.Future[None], wait: Coroutine[Any, Any, None]) -> None:
        """Wait, unless the patience is over first."""
        waiting = asyncio.ensure_future(wait)
        try:
            await asyncio.wait((waiting, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    async def _told(
        self, first: int, *, from_ms: int, target_ms: int | None, run_id: str | None = None
    ) -> Advance:
        now_ms, shift_ms = self._clock.now_ms(), self.shift_ms

        def load(tables: Tables) -> Advance:
            run = None if run_id is None else tables.runs.get_lean(run_id)
            timeline_id = None if run is None else run.timeline_id
            entries = tables.history.since(first, _FIRED, timeline_id=timeline_id, limit=MAX_FIRED)
            count = tables.history.count_since(first, _FIRED, timeline_id=timeline_id)
            due_ms = next_due_ms(tables, self._registry(), now_ms=now_ms)
            reached_ms = now_ms
            called = tables.queue.called_runs(limit=_MOST_CALLS)
            if run is not None and timeline_id is not None:
                due_ms = tables.timelines.next_due_ms(timeline_id, endless_ms=DEFAULT_TIMEOUT_MS)
                due_ms = None if due_ms is None else run.at(due_ms)
                reached_ms = run.ended_ms or run.at(now_ms)
                called = list(filter(tables.queue.is_called, tables.timelines.open_runs(timeline_id)))
            is_short = target_ms is None or reached_ms < target_ms
            return Advance(
                from_ms=from_ms,
                now_ms=reached_ms,
                target_ms=target_ms,
                fired=tuple(_fired(tables, self._registry(), entry) for entry in entries),
                count=count,
                next_due_ms=due_ms,
                shift_ms=shift_ms,
                engine_ms=now_ms,
                open_calls=tuple(called[:_MOST_CALLS]) if is_short else (),
                run_id=run_id,
                has_ended=run is not None and run.status.is_terminal,
            )

        return await self._database.transact(load)


def _coming_ms(tables: Tables, run_id: str, timeline_id: str, *, now_ms: int) -> int:
    due_ms = tables.timelines.next_due_ms(timeline_id, endless_ms=DEFAULT_TIMEOUT_MS)
    if due_ms is None or tables.timelines.is_busy(timeline_id, now_ms=now_ms):
        raise InvalidInputError(
            f"Nothing comes due for run {run_id}: it is being called, or waits for its turn or for something "
            "that only the outside can send.",
            hint=f"Call get_run_status runId={run_id} to see what it waits for.",
        )
    return due_ms


def _let_jump(tables: Tables, timeline_id: str, *, from_ms: int, until_ms: int | None, now_ms: int) -> None:
    """Let a time jump up to `until_ms`. One that jumps by itself goes on to do so afterwards."""
    timeline = tables.timelines.find(timeline_id)
    if timeline is None or timeline.until_ms is not None or until_ms is None:
        tables.timelines.limit(timeline_id, until_ms)
    elif is_at_rest(tables, timeline_id, now_ms=now_ms):
        tables.timelines.move(timeline_id, until_ms - from_ms)


def _target(from_ms: int, *, by_ms: int | None, to_ms: int | None) -> int:
    if (by_ms is None) == (to_ms is None):
        raise InvalidInputError("Say either by how much time is to move, or to when.")
    target_ms = from_ms + by_ms if by_ms is not None else to_ms or 0
    if target_ms <= from_ms:
        raise InvalidInputError("Time moves forward only: the target is not in the future.")
    if target_ms - from_ms > MAX_ADVANCE_MS:
        raise InvalidInputError("Time can move by 366 days at once, the longest that a step can sleep.")
    if target_ms > MAX_TS_MS:
        raise InvalidInputError("Time can move until the year 2100.", hint="Start again with fresh data.")
    return target_ms


def _fired(tables: Tables, registry: Registry, entry: HistoryEntry) -> Fired:
    run = tables.runs.get_lean(entry.run_id)
    return Fired(
        kind=entry.kind.value,
        at_ms=entry.at_ms,
        run_id=entry.run_id,
        function_slug="" if run is None else registry.by_id(run.function_id).slug,
        step_name=None if entry.step_id is None else tables.steps.name(entry.run_id, entry.step_id),
    )
