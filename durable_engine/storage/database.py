"""One SQLite file, one thread that writes it, one thread that reads it.

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
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from filelock import FileLock, Timeout

from durable_engine.errors import DataFileBusyError, EngineClosedError, StorageError
from durable_engine.storage.schema import check, migrate
from durable_engine.storage.tables import Tables

T = TypeVar("T")
logger = logging.getLogger(__name__)

_MAX_GROUP: Final = 32
"""A commit is cheap when so many share it, and nobody waits long for the others."""
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
    "wal_autocheckpoint = 4000",  # 16 MB: a checkpoint waits for the disk, and all steps wait for it
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "secure_delete = ON",  # keys of requests are deleted when their step ends; not all builds overwrite them
)


@dataclass(slots=True)
class _Unit:
    """One piece of work for a connection's thread, and where its outcome goes."""

    work: Callable[[Any], Any]
    future: asyncio.Future[Any]
    is_alone: bool = False
    """Whether it gets the connection itself, outside of any transaction, and may replace all data."""
    result: Any = None
    error: BaseException | None = field(default=None)


class _Worker:
    """A thread that owns a connection and runs units of work on it, in order."""

    def __init__(
        self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop, *, writes: bool
    ) -> None:
        self._connection = connection
        self._tables = Tables(connection, remembers=writes)
        self._loop = loop
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._writes = writes
        self._thread = threading.Thread(
            target=self._run, name="stepcue-writer" if writes else "stepcue-reader", daemon=True
        )
        self._thread.start()

    def submit(self, work: Callable[[Tables], T]) -> asyncio.Future[T]:
        return self._put(work, is_alone=False)

    def submit_alone(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        return self._put(work, is_alone=True)

    def stop(self) -> None:
        """Finish what was submitted and close the connection; blocks."""
        self._units.put(None)
        self._thread.join()

    def _put(self, work: Callable[[Any], T], *, is_alone: bool) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._units.put(_Unit(work, future, is_alone))
        return future

    def _run(self) -> None:
        is_open = True
        while is_open:
            group: list[_Unit] = []
            unit = self._units.get()
            while unit is not None:
                group.append(unit)
                if unit.is_alone or len(group) == _MAX_GROUP or self._units.empty():
                    break
                unit = self._units.get()
            is_open = unit is not None
            alone = group.pop() if group and group[-1].is_alone else None
            if group:
                self._work(group)
                self._loop.call_soon_threadsafe(_settle, group)
            if alone is not None:
                self._work_alone(alone)
                self._loop.call_soon_threadsafe(_settle, [alone])
        self._connection.close()

    def _work(self, group: list[_Unit]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE" if self._writes else "BEGIN")
            if len(group) == 1:
                self._run_whole(group[0])
                return
            for unit in group:
                self._run_unit(unit)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._tables.forget()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for unit in group:
                unit.error = unit.error or _unusable(error)

    def _run_whole(self, unit: _Unit) -> None:
        """Run a unit that shares its transaction with no other, which needs no savepoint."""
        try:
            unit.result = unit.work(self._tables)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            unit.error = _in_words(error)
            self._tables.forget()
            if self._connection.in_transaction:  # which a fault of the file may have ended
                self._connection.execute("ROLLBACK")
        else:
            self._connection.execute("COMMIT")

    def _run_unit(self, unit: _Unit) -> None:
        self._connection.execute("SAVEPOINT unit")
        try:
            unit.result = unit.work(self._tables)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            unit.error = _in_words(error)
            self._tables.forget()
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")

    def _work_alone(self, unit: _Unit) -> None:
        try:
            unit.result = unit.work(self._connection)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            unit.error = _in_words(error)
        self._tables = Tables(
            self._connection, remembers=self._writes
        )  # what they remember may not be so any more


def _in_words(error: Exception) -> Exception:
    is_fault_of_file = isinstance(error, sqlite3.Error) and _primary_code(error) in _FILE_FAULTS
    return _unusable(error) if is_fault_of_file else error


def _primary_code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _unusable(error: Exception) -> StorageError:
    """Name what SQLite says of the disk or the file."""
    return StorageError(f"The data file cannot be used at the moment: {error}.")


def _settle(group: list[_Unit]) -> None:
    for unit in group:
        if unit.future.cancelled():
            continue
        if unit.error is None:
            unit.future.set_result(unit.result)
        else:
            unit.future.set_exception(unit.error)


class Database:
    """Runs units of work against the tables; `transact` changes them, `read` does not."""

    def __init__(self, writer: _Worker, reader: _Worker | None, lock: FileLock | None) -> None:
        self._writer = writer
        self._reader = reader
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
            return cls(_Worker(_connect(":memory:"), loop, writes=True), None, None)
        lock = _take_lock(path)
        try:
            for_writes = _connect(str(path))
            for_reads = _connect(str(path))
            for_reads.execute("PRAGMA query_only = ON")
        except BaseException:
            lock.release()
            raise
        return cls(_Worker(for_writes, loop, writes=True), _Worker(for_reads, loop, writes=False), lock)

    async def transact(self, work: Callable[[Tables], T]) -> T:
        """Run `work` in a transaction; it is committed when this returns, undone when it raises."""
        await self.ready()
        return await self._writer.submit(work)

    async def read(self, work: Callable[[Tables], T]) -> T:
        """Run `work` on the newest committed state, without holding up writers."""
        await self.ready()
        return await (self._reader or self._writer).submit(work)

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
                if self._reader is not None:
                    await self._reader.submit(_nothing)  # all earlier reads are done
                result = await self._writer.submit_alone(work)
                if self._reader is not None:
                    await self._reader.submit_alone(_nothing)  # has its tables renewed
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
            for worker in (self._reader, self._writer):
                if worker is not None:
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
