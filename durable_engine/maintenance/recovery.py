"""Find out when a data file that could not be used can be used again: nobody tells when a disk has room."""

from __future__ import annotations

from typing import Final

from durable_engine.clock import Clock
from durable_engine.errors import EngineClosedError, StorageError
from durable_engine.signals import Signals
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

_RETRY_S: Final = 5.0
_TRIED_MS: Final = "storage_tried_ms"


class Recovery:
    """Writes a little now and then while the file fails, and lets everybody go on once that works."""

    def __init__(self, database: Database, clock: Clock, signals: Signals) -> None:
        self._database = database
        self._clock = clock
        self._signals = signals

    async def run(self) -> None:
        """Watch until cancelled, or until there is damage, which does not go away."""
        outage = self._database.outage
        while outage.damage is None:
            await outage.begun()
            await self._clock.patience(_RETRY_S)
            count = outage.met_count
            try:
                await self._database.transact(self._write)
            except EngineClosedError:
                return
            except StorageError:
                continue
            outage.try_again()
            self._signals.work_changed()
            # It is over when those who had something to store could store it.
            await self._clock.patience(_RETRY_S)
            if outage.met_count == count:
                outage.end()

    def _write(self, tables: Tables) -> None:
        tables.settings.set_number(_TRIED_MS, self._clock.wall_ms())
