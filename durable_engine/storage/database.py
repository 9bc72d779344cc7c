"""One SQLite file, one thread that writes it, two threads that read it.

Writes that arrive while a transaction is being committed share the next one (group commit), and one that
fails undoes only itself: a group is run boldly, and if a unit of it fails, all of it again with a savepoint
for each; what cannot be run again has one from the start. `synchronous=NORMAL`
in WAL mode survives the death of this process at any moment; a power cut may lose the last commits but
never corrupts the file.

The whole state can be replaced (`alone`): nobody else reads or writes meanwhile, and whoever comes then
waits until it is done.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from durable_engine.errors import EngineClosedError, StorageError
from durable_engine.storage.data_file import DataFile, open_database
from durable_engine.storage.file_faults import in_words, is_file_fault
from durable_engine.storage.outage import Outage
from durable_engine.storage.tables import Tables
from durable_engine.storage.units import Unit, UnitQueue

T = TypeVar("T")
Tell: TypeAlias = Callable[[], None]
Sequel: TypeAlias = Callable[[Tables, list[Any]], Tell | None]
"""What follows work in its transaction, once for all of a group that has the same: it gets their results.
It returns what tells them of it, which is called when all is committed: until then it may be undone.
"""
logger = logging.getLogger(__name__)

_READERS: Final = 2
"""One that reads much must not hold up the others."""


class _Worker:
    """A thread that owns a connection and runs units of work on it, in order."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        file: DataFile | None,
        outage: Outage,
        *,
        writes: bool,
    ) -> None:
        self._file = file
        self._outage = outage
        self._connection = connection
        self._tables = Tables(connection, remembers=writes)
        self._loop = loop
        # What is read goes back at once: it waits for nothing that is read with it.
        self._units = UnitQueue() if writes else UnitQueue(most=1)
        self._writes = writes
        self.waiting = 0
        """Units that were put and whose outcome has not come back; for the loop's thread."""
        self._thread = threading.Thread(
            target=self._run, name="stepcue-writer" if writes else "stepcue-reader", daemon=True
        )
        self._thread.start()

    def submit(self, work: Callable[[Any], T], **options: Any) -> asyncio.Future[T]:
        """Let a unit of work wait for its turn; `options` are fields of `Unit`."""
        future: asyncio.Future[T] = self._loop.create_future()
        self.waiting += 1
        self._units.put(Unit(work, future, **options))
        return future

    def stop(self) -> None:
        """Finish what was submitted and close the connection; blocks."""
        self._units.end()
        self._thread.join()

    def _run(self) -> None:
        while group := self._units.next_group():
            if group[0].is_alone:
                self._work_alone(group[0])
            else:
                self._work(group)
            self._loop.call_soon_threadsafe(self._settle, group)
        self._connection.close()

    def _work(self, group: list[Unit]) -> None:
        # What follows a part of the group comes before the rest of it: a slot goes to whom it is freed for.
        group = sorted(group, key=lambda unit: unit.then is None)
        if all(unit.may_repeat for unit in group) and self._work_boldly(group):
            return
        try:
            self._begin()
            if len(group) == 1 and group[0].then is None:
                self._run_whole(group[0])
                return
            tells: list[Tell | None] = []
            for then, part in groupby(group, key=lambda unit: unit.then):
                done = [unit.result for unit in part if self._run_unit(unit)]
                if then is not None and done:
                    tells.append(self._follow(then, done))
            self._commit()
        except Exception as error:  # noqa: BLE001 - handed to all: this thread must go on
            self._undo()
            # What made SQLite end the transaction says more than what it says of its end.
            fault = next((unit.fault for unit in group if unit.fault), None) or self._in_words(error)
            for unit in group:
                if unit.error is None:
                    unit.fault = copy(fault)
                    unit.error = unit.fault or error
        else:
            _call(tells)

    def _work_boldly(self, group: list[Unit]) -> bool:
        """Run units without savepoints; False when that failed, and all is undone."""
        try:
            self._begin()
            tells: list[Tell | None] = []
            for then, part in groupby(group, key=lambda unit: unit.then):
                done = []
                for unit in part:
                    unit.result = unit.work(self._tables)
                    done.append(unit.result)
                if then is not None:
                    tells.append(then(self._tables, done))
            self._commit()
        except Exception:  # noqa: BLE001 - it will fail again, and is handed to whoever asked
            self._undo()
            return False
        _call(tells)
        return True

    def _begin(self) -> None:
        if self._file is not None and self._writes:
            self._file.check_in_place()
        self._connection.execute("BEGIN IMMEDIATE" if self._writes else "BEGIN")

    def _commit(self) -> None:
        self._tables.store()
        self._connection.execute("COMMIT")
        self._tables.slots.done()

    def _savepoint(self) -> int:
        """Make a savepoint; returns what the slots were at."""
        self._connection.execute("SAVEPOINT unit")
        return self._tables.slots.mark()

    def _back_to(self, mark: int) -> None:
        """Undo all since the savepoint that was made at `mark`."""
        self._tables.slots.undo(mark)
        self._tables.forget()
        self._connection.execute("ROLLBACK TO unit")

    def _undo(self) -> None:
        self._tables.slots.undo(0)
        self._tables.forget()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            logger.exception("a transaction could not be undone; the next one will fail")

    def _run_whole(self, unit: Unit) -> None:
        """Run a unit that shares its transaction with no other, which needs no savepoint."""
        try:
            unit.result = unit.work(self._tables)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            self._note(unit, error)
            self._undo()
        else:
            self._commit()

    def _run_unit(self, unit: Unit) -> bool:
        """Run a unit of several; False when it failed, and what it did is undone."""
        mark = self._savepoint()
        try:
            unit.result = unit.work(self._tables)
            self._tables.store()
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            self._note(unit, error)
            self._back_to(mark)
        self._connection.execute("RELEASE unit")
        return unit.error is None

    def _follow(self, then: Sequel, results: list[Any]) -> Tell | None:
        """Let what follows a group fail alone: what the group did is kept."""
        mark, tell = self._savepoint(), None
        try:
            done = then(self._tables, results)
            self._tables.store()
            tell = done
        except Exception:
            if not self._connection.in_transaction:
                raise  # SQLite has ended it: nothing of the group is kept, and this is why
            logger.exception("what follows a transaction failed; it is left out")
            self._back_to(mark)
        self._connection.execute("RELEASE unit")
        return tell

    def _work_alone(self, unit: Unit) -> None:
        try:
            unit.result = unit.work(self._connection)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            self._note(unit, error)
        slots = self._tables.slots
        # What they remember may not be so any more, but what is open is open.
        self._tables = Tables(self._connection, remembers=self._writes)
        self._tables.slots = slots
        slots.renew()

    def _note(self, unit: Unit, error: Exception) -> None:
        """Keep what a unit failed with, in words if it speaks of the disk or the file."""
        unit.fault = self._in_words(error) if is_file_fault(error) else None
        unit.error = unit.fault or error

    def _in_words(self, error: Exception) -> StorageError | None:
        if isinstance(error, sqlite3.Error):
            return in_words(error, None if self._file is None else self._file.path)
        return error if isinstance(error, StorageError) else None

    def _settle(self, group: list[Unit]) -> None:
        self.waiting -= len(group)
        for unit in group:
            if unit.fault is not None:
                self._outage.met(unit.fault)
            if unit.future.cancelled():
                continue
            if unit.error is None:
                unit.future.set_result(unit.result)
            else:
                unit.future.set_exception(unit.error)


class Database:
    """Runs units of work against the tables; `transact` changes them, `read` does not."""

    def __init__(
        self, writer: _Worker, readers: Sequence[_Worker], file: DataFile | None, outage: Outage
    ) -> None:
        self.outage = outage
        """Whether the file can be used at the moment."""
        self._writer = writer
        self._readers = readers
        self._file = file
        self._is_closed = False
        self._is_ready = asyncio.Event()
        self._is_ready.set()
        self._one_alone = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path | None) -> Database:
        """Open or create the data file; None keeps everything in memory.

        Raises:
            DataFileBusyError: another engine holds the file.
            DataFileDamagedError: it is damaged, or no database.
            SchemaVersionError: it is newer than this program.
            StorageError: it cannot be opened, or belongs to another program.
        """
        loop, outage = asyncio.get_running_loop(), Outage()
        if path is None:
            writer = _Worker(open_database(":memory:"), loop, None, outage, writes=True)
            return cls(writer, (), None, outage)
        file = DataFile.take(path)
        try:
            for_writes, *for_reads = file.connect(readers=_READERS)
        except BaseException:
            file.release()
            raise
        writer = _Worker(for_writes, loop, file, outage, writes=True)
        readers = [_Worker(connection, loop, file, outage, writes=False) for connection in for_reads]
        return cls(writer, readers, file, outage)

    def say_where(self, port: int) -> None:
        """Let others who want the file know on which port of this machine its engine listens."""
        if self._file is not None:
            self._file.say_where(port)

    async def transact(
        self,
        work: Callable[[Tables], T],
        *,
        bulk: int = 0,
        then: Sequel | None = None,
        may_repeat: bool = False,
    ) -> T:
        """Run `work` in a transaction; it is committed when this returns, undone when it raises.

        Work that takes in `bulk` events goes behind all other, a little in each group. When `then` raises,
        that is logged, and only what it did is undone. Work that changes nothing but the tables says so
        (`may_repeat`): it is run with less care, and twice if anything fails.
        """
        await self.ready()
        if self.outage.damage is not None:
            raise copy(self.outage.damage)
        return await self._writer.submit(work, bulk=bulk, then=then, may_repeat=may_repeat)

    async def read(self, work: Callable[[Tables], T]) -> T:
        """Run `work` on the newest committed state, without holding up writers."""
        await self.ready()
        least_busy = min(self._readers, key=lambda reader: reader.waiting, default=self._writer)
        return await least_busy.submit(work)

    async def ready(self) -> None:
        """Return when nobody is replacing the state, nor the time with it: usually at once.

        Who asks for the time before a transaction does so after this, without waiting for anything between.
        """
        while not self._is_ready.is_set():
            await self._is_ready.wait()
        if self._is_closed:
            raise EngineClosedError("The engine is shutting down.")

    async def alone(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        then: Callable[[T], Awaitable[None]] | None = None,
    ) -> T:
        """Run `work` on the connection that writes, outside of any transaction, between all other work.

        What was submitted before is done by then; what comes later waits until `then` has adapted what is
        kept in memory. Must not be cancelled.
        """
        async with self._one_alone:
            await self.ready()
            self._is_ready.clear()
            try:
                for reader in self._readers:
                    await reader.submit(_nothing)  # all earlier reads are done
                result = await self._writer.submit(work, is_alone=True)
                for reader in self._readers:
                    await reader.submit(_nothing, is_alone=True)  # has its tables renewed
                if then is not None:
                    await then(result)
                return result
            finally:
                self._is_ready.set()

    async def close(self) -> None:
        """Finish what was submitted, close the file and let others have it."""
        if self._is_closed:
            return
        self._is_closed = True
        async with self._one_alone:  # what replaces the state is carried through
            for worker in (*self._readers, self._writer):
                await asyncio.to_thread(worker.stop)
        await asyncio.sleep(0)  # lets the results that the workers handed over reach their callers
        if self._file is not None:
            self._file.release()


def _call(tells: list[Tell | None]) -> None:
    for tell in filter(None, tells):
        tell()


def _nothing(_: object) -> None:
    """No work, but its turn."""
