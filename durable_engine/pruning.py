"""Prunes what is old, or too much: ended runs with all that is theirs, and events that nothing refers to.

It counts in the real time: a test that moves the engine's by a month must not lose the run that it has just
made. How far everything was at a moment is marked now and then (`storage/retention_table`), so that runs and
events themselves cost nothing. Work goes in small transactions between those of everybody else; it begins
when much was committed, or when something has become old, and nothing looks in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final

from durable_engine.clock import Clock
from durable_engine.config import EngineConfig
from durable_engine.errors import EngineClosedError, StorageError
from durable_engine.model.retention import KEPT_IN_ANY_CASE, Kept, Limits
from durable_engine.patience import first_of
from durable_engine.signals import Signals
from durable_engine.storage.database import Database
from durable_engine.storage.retention_table import Reach
from durable_engine.storage.tables import Tables

logger = logging.getLogger(__name__)

_MARKS: Final = 64
"""Marks in the time for which runs are kept: the later they may be pruned, by one part of so many."""
_ROOM: Final = 10
"""One part of so many is made free when there is too much, so that it is not too much again at once."""
_ALL: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where pruning goes on: behind which ended run, and behind which event."""

    ended_order: int = 0
    event_row: int = 0


class Pruning:
    """The one duty that deletes the past."""

    def __init__(self, database: Database, clock: Clock, signals: Signals, limits: Limits) -> None:
        self._database = database
        self._clock = clock
        self._signals = signals
        self._limits = limits
        self._old: Reach | None = None
        """How far everything that is old has been pruned."""
        self._futile_bytes = 0
        """How much there was, and some more, when not enough of it could be pruned."""

    async def run(self) -> None:
        """Work until cancelled; without any limit there is nothing to do."""
        while True:
            due_ms, is_marked = None, False
            try:
                due_ms, is_marked = await self.sweep()
            except EngineClosedError:
                return
            except StorageError as fault:  # which whoever met it first has told
                logger.debug("old runs cannot be pruned now: %s", fault)
            except Exception:
                logger.exception("old runs cannot be pruned now; trying again when more is committed")
            if self._limits == Limits():
                return
            await self._wait(due_ms, is_marked=is_marked)

    async def sweep(self) -> tuple[int | None, bool]:
        """Prune what is old and what is too much.

        Returns when there is more to do, in the real time, and whether that holds until something changes.
        """
        await self._database.transact(lambda tables: tables.retention.limit(self._limits))
        due_ms, is_marked = None, False
        if self._limits.keep_ms is not None:
            old, due_ms, is_marked = await self._database.transact(self._mark)
            if old != self._old:
                await self._prune(self._is_old, lambda _: _ALL)
                await self._forget_idle()
                self._old = old
        if self._limits.max_bytes is not None:
            await self._fit(self._limits.max_bytes)
        while await self._database.transact(lambda tables: tables.pages.give_back()):
            pass
        return due_ms, is_marked

    async def kept(self) -> Kept:
        """Return what there is at the moment."""

        def load(tables: Tables) -> Kept:
            past = tables.retention.past()
            return Kept(
                limits=self._limits,
                used_bytes=tables.pages.used_bytes(),
                file_bytes=tables.pages.file_bytes(),
                oldest_ms=tables.retention.oldest_ms(),
                pruned=past.count,
                pruned_ms=past.wall_ms or None,
            )

        return await self._database.read(load)

    async def _fit(self, max_bytes: int) -> None:
        """Prune until there is some room again, if there is too much; not again and again if in vain."""
        room = max_bytes // _ROOM
        if await self._used() <= max(max_bytes, self._futile_bytes):
            return
        await self._forget_idle()
        await self._prune(_all_but_newest, lambda tables: tables.pages.used_bytes() - (max_bytes - room))
        left = await self._used()
        self._futile_bytes = left + room if left > max_bytes else 0

    async def _used(self) -> int:
        return await self._database.read(lambda tables: tables.pages.used_bytes())

    def _mark(self, tables: Tables) -> tuple[Reach, int | None, bool]:
        """Mark how far everything is; returns what is old, when more will be, and whether all is marked."""
        keep_ms, wall_ms = self._limits.keep_ms or 0, self._clock.wall_ms()
        interval_ms = max(keep_ms // _MARKS, 1)
        unmarked_ms = tables.retention.mark(wall_ms=wall_ms, interval_ms=interval_ms)
        old = tables.retention.reached(wall_ms - keep_ms)
        next_ms = tables.retention.next_mark_ms(wall_ms - keep_ms)
        due = [unmarked_ms, None if next_ms is None else next_ms + keep_ms]
        return old, min(filter(None, due), default=None), unmarked_ms is None

    def _is_old(self, tables: Tables) -> Reach:
        return tables.retention.reached(self._clock.wall_ms() - (self._limits.keep_ms or 0))

    async def _prune(self, until: Callable[[Tables], Reach], surplus: Callable[[Tables], int]) -> None:
        """Delete runs and events up to a reach, the oldest first, as long as there is a surplus of bytes."""
        place: _Place | None = _Place()
        while place is not None:
            place = await self._database.transact(self._step(place, until, surplus))

    def _step(
        self, place: _Place, until: Callable[[Tables], Reach], surplus: Callable[[Tables], int]
    ) -> Callable[[Tables], _Place | None]:
        """Return the work of one transaction, which says where to go on.

        What is pruned up to is looked up in each, as the whole state may have been replaced meanwhile.
        """
        now_ms, wall_ms = self._clock.now_ms(), self._clock.wall_ms()
        watched = frozenset(self._signals.watched())

        def work(tables: Tables) -> _Place | None:
            most = surplus(tables)
            if most <= 0:
                return None
            reach = until(tables)
            run_row = tables.pruning.event_row_of(after=place.ended_order, until=reach.ended_order)
            event_row = reach.event_row if run_row is None else min(run_row - 1, reach.event_row)
            with tables.pages.lightly():
                seen = tables.pruning.prune_events(
                    after=place.event_row, until=event_row, most=most, now_ms=now_ms
                )
                if seen is not None:
                    return replace(place, event_row=seen)
                order = tables.pruning.prune_runs(
                    after=place.ended_order,
                    until=reach.ended_order,
                    most=most,
                    but=watched,
                    now_ms=now_ms,
                    wall_ms=wall_ms,
                )
            tables.doubles.delete_expired(now_ms=now_ms)
            return None if order is None else replace(place, ended_order=order)

        return work

    async def _forget_idle(self) -> None:
        """Delete lanes, gates, keys and rate limits that stand for nothing any more."""
        now_ms = self._clock.now_ms()
        while await self._database.transact(lambda tables: tables.pruning.prune_keys(now_ms=now_ms)):
            pass
        lane_id: int | None = _ALL
        while lane_id is not None:
            lane_id = await self._database.transact(_lanes_before(lane_id, now_ms=now_ms))

    async def _wait(self, due_ms: int | None, *, is_marked: bool) -> None:
        waits: list[Coroutine[Any, Any, None]] = [self._signals.changed(much=True)]
        if due_ms is not None:
            waits.append(self._clock.patience(max(due_ms - self._clock.wall_ms(), 0) / 1_000))
        if is_marked:
            waits.append(self._signals.changed())
        await first_of(waits)


def limits_of(config: EngineConfig) -> Limits:
    """Return the limits that a configuration sets."""
    keep_ms = None if config.keep_runs_s is None else round(config.keep_runs_s * 1_000)
    return Limits(keep_ms=keep_ms, max_bytes=config.max_data_bytes)


def _lanes_before(lane_id: int, *, now_ms: int) -> Callable[[Tables], int | None]:
    return lambda tables: tables.pruning.prune_lanes(before=lane_id, now_ms=now_ms)


def _all_but_newest(tables: Tables) -> Reach:
    return tables.retention.newest(but=KEPT_IN_ANY_CASE)
