"""The one way in which callers change runs: a transaction, a last look that nothing hangs, the wake-ups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from durable_engine.clock import Clock
from durable_engine.registry import Registry
from durable_engine.settle import Settled, repair_stalled
from durable_engine.signals import Signals
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

Change: TypeAlias = Callable[[Tables, Registry, int], Settled]
"""Gets the tables, what is known of apps now, and the time; says what it did."""


class Transactions:
    """Commits changes one by one."""

    def __init__(
        self, database: Database, clock: Clock, signals: Signals, registry: Callable[[], Registry]
    ) -> None:
        self._database = database
        self._clock = clock
        self._signals = signals
        self._registry = registry

    async def ready(self) -> None:
        """Return when nobody is replacing state and time: for who asks for the time before `commit`."""
        await self._database.ready()

    async def commit(self, change: Change, *, bulk: int = 0) -> Settled:
        """Make a change, all of it or nothing, and wake whoever waits for what it did.

        `bulk`: it takes in so many events, and lets everything else go before it. Such a change may be made
        twice, the first time in vain.
        """
        await self.ready()
        now_ms = self._clock.now_ms()

        def work(tables: Tables) -> Settled:
            registry = self._registry()
            settled = change(tables, registry, now_ms)
            repair_stalled(tables, registry, settled.resumed, settled, now_ms=now_ms)
            return settled

        settled = await self._database.transact(work, bulk=bulk, may_repeat=bulk > 0)
        self._signals.runs_ended(settled.ended)
        self._signals.runs_changed(settled.changed)
        self._signals.work_changed()
        return settled
