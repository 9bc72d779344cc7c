"""One SQLite file, one thread that writes it, two threads that read it.

Writes that arrive while a transaction is being committed share the next one (group commit): each unit
of work runs in a savepoint of its own, so that one that fails undoes only itself. `synchronous=NORMAL`
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
from pathlib import Path
from typing import Any, Final, TypeVar

from filelock import FileLock, Timeout

from durable_engine.errors import DataFileBusyError, EngineClosedError, StorageError
from durable_engine.storage.schema import check, migrate
from durable_engine.storage.tables import Tables
from durable_engine.storage.units import Unit, UnitQueue

T = TypeVar("T")
logger = logging.getLogger(__name__)

_READERS: Final = 2
"""One that reads much must not hold up the others."""
_FILE_FAULTS: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""Primary result codes that speak of the disk or the file; the others speak of our SQL."""
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "secure_delete = ON",  # keys of requests are deleted when their step ends; not all builds overwrite them
)


class _Worker:
    """A thread that owns a connection and runs units of work on it, in order."""

    def __init__(
        self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop, *, writes: bool
    ) -> None:
        self._connection = connection
        self._tables = Tables(connection)
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

    def submit(self, work: Callable[[Tables], T], *, bulk: int = 0) -> asyncio.Future[T]:
        return self._put(work, bulk=bulk)

    def submit_alone(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        return self._put(work, is_alone=True)

    def stop(self) -> None:
        """Finish what was submitted and close the connection; blocks."""
        self._units.end()
        self._thread.join()

    def _put(self, work: Callable[[Any], T], *, is_alone: bool = False, bulk: int = 0) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self.waiting += 1
        self._units.put(Unit(work, future, is_alone=is_alone, bulk=bulk))
        return future

    def _run(self) -> None:
        while group := self._units.next_group():
            if group[0].is_alone:
                self._work_alone(group[0])
            else:
                self._work(group)
            self._loop.call_soon_threadsafe(self._settle, group)
        self._connection.close()

    def _work(self, group: list[Unit]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE" if self._writes else "BEGIN")
            for unit in group:
                self._run_unit(unit)
            self._connection.execute("COMMIT")
            self._tables.slots.done()
        except sqlite3.Error as error:
            self._tables.slots.undo(0)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for unit in group:
                unit.error = unit.error or _unusable(error)

    def _run_unit(self, unit: Unit) -> None:
        self._connection.execute("SAVEPOINT unit")
        mark = self._tables.slots.mark()
        try:
            unit.result = unit.work(self._tables)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            unit.error = _in_words(error)
            self._tables.slots.undo(mark)
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")

    def _work_alone(self, unit: Unit) -> None:
        try:
            unit.result = unit.work(self._connection)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            unit.error = _in_words(error)
        slots = self._tables.slots
        self._tables = Tables(self._connection)  # what they remember may not be so any more
        self._tables.slots = slots  # but what is open is open
        slots.renew()

    def _settle(self, group: list[Unit]) -> None:
        self.waiting -= len(group)
        for unit in group:
            if unit.future.cancelled():
                continue
            if unit.error is None:
                unit.future.set_result(unit.result)
            else:
                unit.future.set_exception(unit.error)


def _in_words(error: Exception) -> Exception:
    is_fault_of_file = isinstance(error, sqlite3.Error) and _primary_code(error) in _FILE_FAULTS
    return _unusable(error) if is_fault_of_file else error


def _primary_code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _unusable(error: Exception) -> StorageError:
    """Name what SQLite says of the disk or the file."""
    return StorageError(f"The data file cannot be used at the moment: {error}.")


class Database:
    """Runs units of work against the tables; `transact` changes them, `read` does not."""

    def __init__(self, writer: _Worker, readers: Sequence[_Worker], lock: FileLock | None) -> None:
        self._writer = writer
        self._readers = readers
        self._lock = lock
        self._is_closed = False
        self._is_ready = asyncio.Event()
        self._is_ready.set()
        self._one_alone = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path | None) -> Database:
        """Open or create the data file; None keeps everything in memory.

        Raises:
            DataFileBusyError: another engine holds the file.
            SchemaVersionError: the file is newer than this program.
            StorageError: the file cannot be opened.
        """
        loop = asyncio.get_running_loop()
        if path is None:
            return cls(_Worker(_connect(":memory:"), loop, writes=True), (), None)
        lock = _take_lock(path)
        try:
            for_writes = _connect(str(path))
            for_reads = [_connect(str(path)) for _ in range(_READERS)]
            for connection in for_reads:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            lock.release()
            raise
        readers = [_Worker(connection, loop, writes=False) for connection in for_reads]
        return cls(_Worker(for_writes, loop, writes=True), readers, lock)

    async def transact(self, work: Callable[[Tables], T], *, bulk: int = 0) -> T:
        """Run `work` in a transaction; it is committed when this returns, undone when it raises.

        Work that takes in `bulk` events goes behind all other, a little in each group.
        """
        await self.ready()
        return await self._writer.submit(work, bulk=bulk)

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
                result = await self._writer.submit_alone(work)
                for reader in self._readers:
                    await reader.submit_alone(_nothing)  # has its tables renewed
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
        if self._lock is not None:
            self._lock.release()


def _nothing(_: object) -> None:
    """No work, but its turn."""


def _take_lock(path: Path) -> FileLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock")
        lock.acquire(blocking=False)
    except Timeout:
        raise DataFileBusyError(
            f"The data file {path} is in use by another Stepcue.",
            hint="Stop the other one, or start this one with --data FILE or --in-memory.",
        ) from None
    except OSError as error:
        raise StorageError(
            f"The data file {path} cannot be written: {error.strerror or error}.",
            hint="Start with --data FILE somewhere else, or with --in-memory.",
        ) from None
    return lock


def _connect(path: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise StorageError(
            f"The data file {path} cannot be opened: {error}.",
            hint="Move it away to start afresh, or start with --in-memory.",
        ) from None
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    check(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    migrate(connection)
