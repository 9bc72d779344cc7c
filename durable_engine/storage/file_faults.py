"""What SQLite and the disk say of the data file, in words for people, and what to do about it."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from durable_engine.errors import DataFileDamagedError, DiskFullError, StorageError

ELSEWHERE: Final = "start with --data FILE somewhere else, or with --in-memory"
_LONGEST_PATH: Final = 300
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_ALLOWED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_LOCKS: Final = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_REFUSED: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_TAKEN: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_OF_DISK: Final = frozenset(
    {
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
    }
)


def is_file_fault(error: BaseException) -> bool:
    """Whether an error speaks of the disk or the file; the others speak of our SQL."""
    codes = _DAMAGED | _REFUSED | _TAKEN | _OF_DISK | {sqlite3.SQLITE_FULL}
    return isinstance(error, sqlite3.Error) and _primary_code(error) in codes


def is_damage(error: BaseException) -> bool:
    """Whether an error says that what is in the file is damaged."""
    return isinstance(error, sqlite3.Error) and _primary_code(error) in _DAMAGED


def in_words(error: sqlite3.Error | OSError, path: Path | None) -> StorageError:
    """Return what is wrong with the file at `path` (None: the state is in memory), and what to do."""
    name, name_first = named(path), _first(named(path))
    code = _primary_code(error) if isinstance(error, sqlite3.Error) else None
    number = error.errno if isinstance(error, OSError) else None
    if code == sqlite3.SQLITE_FULL or number in _FULL:
        return DiskFullError(
            f"The disk is full: {name} cannot grow, so what came last was not stored.",
            hint="Free some room: a Stepcue that runs then goes on by itself, and has lost nothing that it "
            f"accepted. Or {ELSEWHERE}.",
        )
    if code in _DAMAGED:
        return damaged(path, str(error))
    if code in _REFUSED or number in _NOT_ALLOWED:
        return StorageError(
            f"{name_first} cannot be written: {_reason(error)}.",
            hint="Allow this user to write the folder and the files in it whose names begin like that of the "
            f"data file, or {ELSEWHERE}.",
        )
    if code in _TAKEN:
        return StorageError(
            f"{name_first} is locked by another program: {_reason(error)}.",
            hint="Close what has it open, such as a database viewer with a change that is not committed.",
        )
    if number in _NO_LOCKS:
        return StorageError(
            f"The disk of {name} cannot be shared safely: {_reason(error)}.",
            hint=f"A network folder may be like that: {ELSEWHERE}.",
        )
    return _other(error, name_first)


def _other(error: sqlite3.Error | OSError, name: str) -> StorageError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        place = error.filename or "a part of its path"
        return StorageError(f"{name} cannot be made: {place} is no folder.", hint=f"{_first(ELSEWHERE)}.")
    return StorageError(
        f"{name} cannot be used: {_reason(error)}.",
        hint=f"See whether its folder is there and the disk is well, or {ELSEWHERE}.",
    )


def damaged(path: Path | None, reason: str) -> DataFileDamagedError:
    """Return that a file is damaged, and what can be done."""
    at = "FILE" if path is None else _shown(path)
    return DataFileDamagedError(
        f"{_first(named(path))} is damaged, or no data file: {' '.join(reason.split())[:200]}.",
        hint="It is left as it is. Stop Stepcue and move it away, with its -wal and -shm files, to start "
        f'afresh, or save what can be read: sqlite3 "{at}" .recover | sqlite3 saved.db; then start with '
        "--data saved.db.",
    )


def gone(path: Path) -> StorageError:
    """Return that a file is not where it was when it was opened."""
    return StorageError(
        f"{_first(named(path))} was moved, deleted or replaced while in use, so nothing more is stored.",
        hint="Put it back, or start Stepcue again.",
    )


def no_file(path: Path) -> StorageError:
    """Return that there is something else than a file at a path."""
    return StorageError(f"{_shown(path)} is no file that can keep data.", hint=f"{_first(ELSEWHERE)}.")


def named(path: Path | None) -> str:
    """Return what a sentence calls the file."""
    return "the data in memory" if path is None else f"the data file {_shown(path)}"


def _first(words: str) -> str:
    return words[:1].upper() + words[1:]


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= _LONGEST_PATH else f"{text[:100]}…{text[-100:]}"


def _reason(error: sqlite3.Error | OSError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _primary_code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
