"""Names of events that rows of a table may wait for, kept by the one connection that also writes them."""

from __future__ import annotations

import sqlite3
from typing import Final

_MOST: Final = 1_000
"""Names that are kept; with more of them any name may be awaited."""


class AwaitedNames:
    """Never one too few. One that nothing waits for any more stays: looking for its rows finds none."""

    def __init__(self, connection: sqlite3.Connection, table: str, *, remembers: bool) -> None:
        self._connection = connection
        self._statement = _names_in(table)
        self._remembers = remembers
        self._known: set[str] | None = None

    def forget(self) -> None:
        """Read them anew: a row that was gone when they were read may be there again."""
        self._known = None

    def may_have(self, name: str) -> bool:
        """Whether a row may wait for events of this name."""
        if not self._remembers:
            return True
        if self._known is None:
            self._known = set(self.some(limit=_MOST + 1))
        return name in self._known or len(self._known) > _MOST

    def add(self, name: str) -> None:
        """A row waits for events of this name from now on."""
        if self._known is not None and len(self._known) <= _MOST:
            self._known.add(name)

    def some(self, *, limit: int) -> list[str]:
        """Return the names that rows wait for now, `limit` of them at most, in order."""
        return [row[0] for row in self._connection.execute(self._statement, (limit,))]


def _names_in(table: str) -> str:
    """Return a query that goes from each name to the next in the index: very many rows may have one."""
    return f"""
    WITH RECURSIVE known (name) AS (
        SELECT min(event_name) FROM {table} WHERE event_name IS NOT NULL
        UNION ALL
        SELECT (SELECT min(event_name) FROM {table} WHERE event_name IS NOT NULL AND event_name > known.name)
        FROM known WHERE known.name IS NOT NULL
    )
    SELECT name FROM known WHERE name IS NOT NULL LIMIT ?
    """  # noqa: S608 - names of our tables
