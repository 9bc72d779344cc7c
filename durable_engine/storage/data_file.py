"""The data file on the disk: who may open it, whether it is ours and whole, and connections to it.

A file that is not ours, too new or damaged is left as it is: that is found out before anything is written.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from durable_engine.errors import DataFileBusyError, StorageError
from durable_engine.storage.belonging import check, check_file, has_log
from durable_engine.storage.file_faults import damaged, gone, in_words, no_file
from durable_engine.storage.owner import OwnerNote
from durable_engine.storage.pages import let_shrink
from durable_engine.storage.schema import migrate

_PRIVATE: Final = 0o600
_FOR_OTHERS: Final = 0o077
_MIB: Final = 1024 * 1024
_CHECKED_BYTES: Final = 32 * _MIB
"""A file up to this size is looked through at every start: about a millisecond for each MiB."""
_CHECKED_AFTER_CRASH_BYTES: Final = 256 * _MIB
_PRAGMAS: Final = (
    "synchronous = NORMAL",
    "wal_autocheckpoint = 4000",  # 16 MB: a checkpoint waits for the disk, and all steps wait for it
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "journal_size_limit = 16777216",  # the log of a burst does not stay
    "secure_delete = ON",  # keys of requests are deleted when their step ends; not all builds overwrite them
)


class DataFile:
    """A data file that this process has for itself, until `release`."""

    def __init__(self, path: Path, lock: FileLock, owner: OwnerNote) -> None:
        self.path = path
        self._lock = lock
        self._owner = owner
        self._identity: tuple[int, int] | None = None

    @classmethod
    def take(cls, path: Path) -> DataFile:
        """Lock a file, which need not exist yet; its folder is made for nobody else, as the file is.

        Raises:
            DataFileBusyError: another engine holds it.
            StorageError: it cannot be written, or is no file.
        """
        try:
            # Two names of one file, one of them a link, are one file.
            path = Path(os.path.realpath(path))
            path.parent.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            owner = OwnerNote(path)
            lock = _lock(path, owner)
        except (OSError, NotImplementedError) as error:
            fault = error if isinstance(error, OSError) else OSError(errno.ENOSYS, "no locks on files")
            raise in_words(fault, path) from None
        except ValueError as error:  # a NUL in the path
            raise StorageError(f"{str(path)!r} is no path: {error}.") from None
        try:
            _make_private(path)
        except BaseException:
            lock.release()
            raise
        owner.write()
        return cls(path, lock, owner)

    def release(self) -> None:
        """Let others have the file; every connection to it is closed."""
        self._owner.remove()
        self._lock.release()

    def say_where(self, port: int) -> None:
        """Note on which port of this machine the engine listens."""
        self._owner.write(port)

    def connect(self, *, readers: int) -> list[sqlite3.Connection]:
        """Open a connection that writes and some that read, and bring the file to the current version.

        Raises:
            SchemaVersionError: it was written by a newer version of this program.
            DataFileDamagedError: it is damaged, or no database.
            StorageError: it is another program's, or cannot be used.
        """
        try:
            check_file(self.path)
            for_writes = _connect(str(self.path))
            opened = [for_writes]
            try:
                check(for_writes, self.path)
                self._look_through(for_writes)
                _prepare(for_writes)
                for_writes.execute("BEGIN IMMEDIATE")  # which fails if others keep us from writing
                for_writes.execute("ROLLBACK")
                for _ in range(readers):
                    opened.append(open_database(str(self.path)))
                    opened[-1].execute("PRAGMA query_only = ON")
                    opened[-1].execute("PRAGMA cache_size = -512")  # KiB: what is read once need not stay
            except BaseException:
                for connection in opened:
                    connection.close()
                raise
            self._identity = _identity(self.path)
        except (sqlite3.Error, OSError) as error:
            raise in_words(error, self.path) from None
        return opened

    def check_in_place(self) -> None:
        """Raise `StorageError` when the file is not where it was opened: what is written would be lost."""
        try:
            is_in_place = _identity(self.path) == self._identity
        except OSError:
            is_in_place = False
        if not is_in_place:
            raise gone(self.path)

    def _look_through(self, connection: sqlite3.Connection) -> None:
        """Raise when pages are damaged, if looking costs little; SQLite finds the rest when it reads it."""
        size = self.path.stat().st_size
        if size > (_CHECKED_AFTER_CRASH_BYTES if has_log(self.path) else _CHECKED_BYTES):
            return
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise damaged(self.path, found)


def open_database(path: str) -> sqlite3.Connection:
    """Open a database that has all tables, as SQLite names it: ":memory:" is one in memory."""
    connection = _connect(path)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _lock(path: Path, owner: OwnerNote) -> FileLock:
    lock = FileLock(f"{path}.lock", mode=_PRIVATE)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if not Path(f"{path}.lock").exists():  # nothing can be made there
            raise PermissionError(errno.EACCES, "no file can be made there") from None
        raise DataFileBusyError(
            f"The data file {path} is in use by another Stepcue{owner.words()}.",
            hint="Stop the other one, or start this one with --data FILE or --in-memory.",
        ) from None
    return lock


def _make_private(path: Path) -> None:
    """Make the file for nobody else, or take from others what they may do with ours.

    SQLite gives the rights of the file to those that it makes beside it.
    """
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), _PRIVATE)
        try:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise no_file(path)
        finally:
            os.close(number)
    except IsADirectoryError:
        raise no_file(path) from None
    except OSError as error:
        raise in_words(error, path) from None
    for suffix in ("", "-wal", "-shm", ".lock"):
        with suppress(OSError):
            _keep_from_others(Path(f"{path}{suffix}"))


def _keep_from_others(path: Path) -> None:
    found = path.lstat()
    if os.name == "posix" and found.st_uid == os.geteuid() and found.st_mode & _FOR_OTHERS:
        path.chmod(stat.S_IMODE(found.st_mode) & ~_FOR_OTHERS)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.row_factory = sqlite3.Row
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    let_shrink(connection)  # before anything is written
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode not in {"wal", "memory"}:  # where memory cannot be shared, SQLite goes on without a word
        raise OSError(errno.ENOTSUP, "no write-ahead log, which needs shared memory")
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    migrate(connection)
