"""Whether the data file can be used at the moment, said once when it cannot and once when it can again."""

from __future__ import annotations

import asyncio
import logging

from durable_engine.errors import DataFileDamagedError, StorageError

logger = logging.getLogger(__name__)


class Outage:
    """What keeps the data file from being used. All methods are for the event loop's thread."""

    def __init__(self) -> None:
        self.fault: StorageError | None = None
        """What was met last and is not known to be over."""
        self.met_count = 0
        self._begun = asyncio.Event()
        self._again = asyncio.Event()

    def met(self, fault: StorageError) -> None:
        """Note a fault of the disk or the file; only what is new goes to the log."""
        self.met_count += 1
        if self.fault is None or type(self.fault) is not type(fault):
            logger.error("%s %s", fault, fault.hint)
        if self.damage is None:
            self.fault = fault
        self._begun.set()

    @property
    def words(self) -> tuple[str, str] | None:
        """What is wrong, and what to do about it."""
        return None if self.fault is None else (str(self.fault), self.fault.hint)

    @property
    def damage(self) -> DataFileDamagedError | None:
        """What damage was met. It stays until somebody mends the file, and nothing more is written to it."""
        return self.fault if isinstance(self.fault, DataFileDamagedError) else None

    async def begun(self) -> None:
        """Return when there is a fault."""
        await self._begun.wait()

    def try_again(self) -> None:
        """Let those try again who have something to store: it may be over."""
        again, self._again = self._again, asyncio.Event()
        again.set()

    async def may_try(self) -> None:
        """Return when it is worth while to try again."""
        await self._again.wait()

    def end(self) -> None:
        """Note that what could not be stored could be stored now."""
        self._begun.clear()
        if self.fault is not None and self.damage is None:
            self.fault = None
            logger.warning("the data file can be used again; all goes on")
