"""The pages of a database: how many there are, and giving back those that hold nothing any more."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_INCREMENTAL: Final = 2
_MOST_REWRITTEN: Final = 1024 * 1024 * 1024
"""Larger files of older versions are not rewritten at a start, which would take minutes."""
_ROOM_TO_REWRITE: Final = 2
"""So many times its size: everything goes through the log, and the rest of the disk is somebody's too."""
_NOTABLE: Final = 64 * 1024 * 1024
_AT_ONCE: Final = 128
"""Pages that are moved in one go; 4 KiB each."""
_LEAST_FREE: Final = 256
_FREE_SHARE: Final = 8


class Pages:
    """The pages of one connection's database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def file_bytes(self) -> int:
        """Return what all pages take."""
        return self._number("page_count") * self._number("page_size")

    def used_bytes(self) -> int:
        """Return what the pages that hold something take."""
        return (self._number("page_count") - self._number("freelist_count")) * self._number("page_size")

    def can_shrink(self) -> bool:
        """Whether pages can be given back."""
        return self._number("auto_vacuum") == _INCREMENTAL

    def give_back(self) -> bool:
        """Make the file some pages shorter, if many are free; whether there is more to give back.

        Some stay free: what comes next would only make the file longer again.
        """
        if not self.can_shrink():
            return False
        surplus = self._number("freelist_count") - max(_LEAST_FREE, self._number("page_count") // _FREE_SHARE)
        for _ in range(min(surplus, _AT_ONCE)):  # one by one: the module `sqlite3` stops after the first
            self._connection.execute("PRAGMA incremental_vacuum(1)")
        return surplus > _AT_ONCE

    @contextmanager
    def lightly(self) -> Iterator[None]:
        """Delete without writing zeros over pages that become free as a whole: that is half of the work."""
        self._connection.execute("PRAGMA secure_delete = FAST").fetchall()
        try:
            yield
        finally:
            self._connection.execute("PRAGMA secure_delete = ON").fetchall()

    def _number(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])


def let_shrink(connection: sqlite3.Connection) -> None:
    """Let a file become shorter when data goes. A new one is told so, an older one is rewritten once.

    One that is very large, or for which the disk has no room, stays as it is: what is free in it is used
    again, so that it does not grow.
    """
    pages = Pages(connection)
    if pages.can_shrink():
        return
    connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    size = pages.file_bytes()
    if size > _MOST_REWRITTEN or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
        return
    if not _has_room(connection, size * _ROOM_TO_REWRITE):
        return
    if size > _NOTABLE:
        logger.info("rewriting the data file once (%d MB), so that it can shrink", size >> 20)
    with suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")


def _has_room(connection: sqlite3.Connection, size: int) -> bool:
    """Whether the disk of a database has so many bytes left; what is not on a disk has."""
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    return not path or shutil.disk_usage(Path(path).parent).free >= size
