"""The one loop: take what is due, run each item in a task, sleep until there is more.

It sleeps until work changes or the next item is due, whichever comes first; nothing polls. Slots bound
how much is open at once (`slots`); a freed slot is a reason to look again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from durable_engine.appointments import keep_due
from durable_engine.clock import Clock
from durable_engine.errors import EngineClosedError, StorageError
from durable_engine.executor import Executor, Work, next_due_ms, take_due
from durable_engine.registry import Registry
from durable_engine.settle import Settled, repair_stalled
from durable_engine.signals import Signals
from durable_engine.skipping import skip_ahead
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

logger = logging.getLogger(__name__)

_MOST_AT_ONCE: Final = 200
_APPOINTMENTS_AT_ONCE: Final = 100
_RETRY_MS: Final = 5_000


class Dispatcher:
    """Leases due items and keeps the slots filled."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        clock: Clock,
        signals: Signals,
        registry: Callable[[], Registry],
    ) -> None:
        self._database = database
        self._executor = executor
        self._clock = clock
        self._signals = signals
        self._registry = registry
        self._open: set[asyncio.Task[None]] = set()
        self._taking = asyncio.Lock()
        self._is_stopping = False
        self._asleep_until = math.inf
        """Due time that wakes the loop anyway; infinite while it is awake or has nothing to wait for."""

    async def run(self) -> None:
        """Work until cancelled. When taking work fails, say so and try again every few seconds."""
        while True:
            try:
                due_ms = await self.run_once()
            except EngineClosedError:
                return
            except StorageError:  # said where it was met
                due_ms = self._clock.now_ms() + _RETRY_MS
            except Exception:
                logger.exception("cannot take work from the queue; trying again soon")
                due_ms = self._clock.now_ms() + _RETRY_MS
            if not self._open and (due_ms is None or due_ms > self._clock.now_ms()):
                self._signals.nothing_to_do()
            await self._sleep(due_ms)

    async def run_once(self) -> int | None:
        """Start what is due, as far as there are slots; return when to look again."""
        async with self._taking:
            return await self._take()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Take no work in this block. Calls that are open go on; `no_calls` waits for them."""
        async with self._taking:
            self._executor.goes_on = False
            try:
                yield
            finally:
                self._executor.goes_on = not self._is_stopping
                self._signals.work_changed()

    @property
    def open_count(self) -> int:
        """How many items are being worked on."""
        return len(self._open)

    def take_no_more(self) -> None:
        """Start nothing any more; what is open goes on."""
        self._is_stopping = True
        self._executor.goes_on = False

    async def no_calls(self) -> None:
        """Return when no call is open; for whoever holds the dispatcher, or has stopped it."""
        while self._open:
            await asyncio.wait(set(self._open))

    async def _take(self) -> int | None:
        if self._is_stopping:
            return None
        now_ms = self._clock.now_ms()

        def take(tables: Tables) -> tuple[Settled, list[Work], int | None]:
            # Looked up inside: any run that the transaction sees is of a function known by then.
            registry = self._registry()
            kept = keep_due(tables, registry, now_ms=now_ms, limit=_APPOINTMENTS_AT_ONCE)
            kept.add(skip_ahead(tables, registry, now_ms=now_ms))
            repair_stalled(tables, registry, kept.resumed, kept, now_ms=now_ms)
            taken = take_due(tables, registry, now_ms=now_ms, limit=_MOST_AT_ONCE)
            return kept, taken, next_due_ms(tables, registry, now_ms=now_ms)

        kept, taken, due_ms = await self._database.transact(take, may_repeat=True)
        self._signals.runs_ended(kept.ended)
        self._signals.runs_changed(kept.changed | {work.item.run_id for work in taken})
        self._signals.times_rest(kept.rested)
        for work in taken:
            task = asyncio.create_task(self._execute(work))
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        return due_ms

    async def drain(self, patience_s: float) -> int:
        """Let open calls finish for up to `patience_s`; hand back the rest. Returns how many were left.

        What a finished call took next is not started any more; the next start finds it.
        """
        self.take_no_more()
        if self._open:
            await asyncio.wait(self._open, timeout=patience_s)
        left = list(self._open)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return len(left)

    async def _sleep(self, due_ms: int | None) -> None:
        self._asleep_until = math.inf if due_ms is None else due_ms
        waits = [asyncio.create_task(self._signals.wait_for_work())]
        if due_ms is not None:
            waits.append(asyncio.create_task(self._clock.sleep_until(due_ms)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._asleep_until = math.inf
            for wait in waits:
                wait.cancel()

    async def _execute(self, first: Work) -> None:
        """Carry out work, and then whatever its commit took next, until that is nothing."""
        work: Work | None = first
        while work is not None and not self._is_stopping:
            try:
                done = await self._executor.execute(work)
            except Exception as fault:  # noqa: BLE001 - a bug in one item must stop neither the loop nor hide
                done = await self._executor.abandon(work.item, fault)
            self._signals.runs_ended(done.settled.ended)
            self._signals.times_rest(done.settled.rested)
            changed = {part.item.run_id for part in (work, done.taken) if part is not None}
            self._signals.runs_changed(done.settled.changed | changed)
            work = done.taken
            if work is None or (done.next_due_ms is not None and done.next_due_ms < self._asleep_until):
                self._signals.work_changed()
