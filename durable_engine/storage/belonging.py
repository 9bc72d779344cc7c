"""Whether a database is one of ours, and not too new: looked at without changing anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from durable_engine.errors import SchemaVersionError, StorageError
from durable_engine.storage import schema
from durable_engine.storage.file_faults import damaged
from durable_engine.storage.schema import APPLICATION_ID, MIN_SQLITE

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_PAGES: Final = slice(28, 32)
_VERSION: Final = slice(60, 64)
_APPLICATION: Final = slice(68, 72)
"""Places in the first bytes of a file; source: the format of SQLite's files, which is fixed."""


def check_file(path: Path) -> None:
    """Look at a file before SQLite opens it, which may already write: into another program's database, too.

    Raises:
        DataFileDamagedError: it is no database.
        SchemaVersionError: it was written by a newer version of this program.
        StorageError: it belongs to another program.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header:
        return  # it is new
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise damaged(path, "it does not begin as a database")
    pages, version, application = (
        int.from_bytes(header[place]) for place in (_PAGES, _VERSION, _APPLICATION)
    )
    if application == 0 and has_log(path):  # which only SQLite can read
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            check(connection, path)
    else:
        _judge(application, version, has_content=pages > 1, path=path)


def has_log(path: Path) -> bool:
    """Whether a process that died has left changes beside the file."""
    log = Path(f"{path}-wal")
    return log.exists() and log.stat().st_size > 0


def check(connection: sqlite3.Connection, path: Path | None = None) -> None:
    """Look at a database that is open.

    Raises:
        StorageError: this Python's SQLite is too old, or the database belongs to another program.
        SchemaVersionError: it was written by a newer version of this program.
    """
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        wanted = ".".join(map(str, MIN_SQLITE))
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; {wanted} or newer is needed.")
    has_tables = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
    application, version = (_pragma(connection, name) for name in ("application_id", "user_version"))
    _judge(application, version, has_content=has_tables, path=path)


def _judge(application: int, version: int, *, has_content: bool, path: Path | None) -> None:
    name = "The data file" if path is None else f"The data file {path}"
    if application != APPLICATION_ID and (has_content or application or version):
        raise StorageError(
            f"{name} is a database of another program; nothing was changed in it.",
            hint="Start with another --data file.",
        )
    if version > len(schema.MIGRATIONS):
        raise SchemaVersionError(
            f"{name} has version {version}; this program knows versions up to {len(schema.MIGRATIONS)}.",
            hint="Update Stepcue, or start with another --data file.",
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
