"""Table `history`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject, parse_json, to_json

_INSERT: Final = """
INSERT INTO history (run_id, at_ms, kind, step_id, attempt, detail) VALUES (?, ?, ?, ?, ?, ?)
"""
_OF_RUN: Final = """
SELECT run_id, at_ms, kind, step_id, attempt, detail FROM history WHERE run_id = ? ORDER BY seq
"""
_OF_KINDS: Final = """
SELECT run_id, at_ms, kind, step_id, attempt, detail FROM history
WHERE run_id = ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq
"""
_HAS: Final = "SELECT 1 FROM history WHERE run_id = ? AND kind = ? LIMIT 1"
_DETAIL: Final = "SELECT detail FROM history WHERE run_id = ? AND kind = ? LIMIT 1"
_DOUBLED_BELOW: Final = """
WITH RECURSIVE tree (id) AS (
    SELECT id FROM run WHERE parent_run_id = ?
    UNION ALL SELECT run.id FROM tree CROSS JOIN run ON run.parent_run_id = tree.id)
SELECT id FROM tree WHERE EXISTS (SELECT 1 FROM history WHERE run_id = tree.id AND kind = ?) LIMIT 5
"""
_NEWEST: Final = "SELECT coalesce(max(seq), 0) FROM history"
_SINCE: Final = """
FROM history WHERE seq > :seq AND kind IN (SELECT value FROM json_each(:kinds))
    AND (:timeline_id IS NULL OR EXISTS (
        SELECT 1 FROM run WHERE run.id = history.run_id AND run.timeline_id = :timeline_id))
"""
_ENTRIES_SINCE: Final = (
    f"SELECT run_id, at_ms, kind, step_id, attempt, detail {_SINCE} ORDER BY seq LIMIT :limit"
)
_COUNT_SINCE: Final = f"SELECT count(*) {_SINCE}"


class HistoryTable:
    """What happened, append-only.

    Of a connection that `remembers`, entries are stored together: before any is read, and with `store`.
    """

    def __init__(self, connection: sqlite3.Connection, *, remembers: bool = False) -> None:
        self._connection = connection
        self._waits = remembers
        self._coming: list[tuple[str, int, str, str | None, int | None, str]] = []

    def append(self, *entries: HistoryEntry) -> None:
        """Add entries in order."""
        for entry in entries:
            detail = to_json(entry.detail) if entry.detail else "{}"
            row = (entry.run_id, entry.at_ms, entry.kind.value, entry.step_id, entry.attempt, detail)
            self._coming.append(row)
        if not self._waits:
            self.store()

    def store(self) -> None:
        """Store what was added; to be called before a savepoint and before the end of a transaction."""
        if self._coming:
            self._connection.executemany(_INSERT, self._coming)
            self._coming.clear()

    def forget(self) -> None:
        """What was added since the last savepoint is undone."""
        self._coming.clear()

    def has(self, run_id: str, kind: HistoryKind) -> bool:
        """Whether something of this kind happened to the run."""
        self.store()
        return self._connection.execute(_HAS, (run_id, kind.value)).fetchone() is not None

    def detail(self, run_id: str, kind: HistoryKind) -> JSONObject | None:
        """Return what is on record of the first thing of this kind that happened to the run."""
        self.store()
        row = self._connection.execute(_DETAIL, (run_id, kind.value)).fetchone()
        return None if row is None else parse_json(row[0])

    def doubled_below(self, run_id: str) -> list[str]:
        """Return the first few runs below a run, invoked by it or by those, in which doubles applied."""
        self.store()
        values = (run_id, HistoryKind.DOUBLED.value)
        return [row[0] for row in self._connection.execute(_DOUBLED_BELOW, values)]

    def of_run(self, run_id: str, kinds: Iterable[HistoryKind] | None = None) -> list[HistoryEntry]:
        """Return the entries of a run in order; of some kinds, where these are given."""
        self.store()
        if kinds is None:
            return [_read(row) for row in self._connection.execute(_OF_RUN, (run_id,))]
        values = (run_id, to_json(sorted(kinds)))
        return [_read(row) for row in self._connection.execute(_OF_KINDS, values)]

    def newest(self) -> int:
        """Return the number of the newest entry of all runs."""
        self.store()
        return int(self._connection.execute(_NEWEST).fetchone()[0])

    def since(
        self, seq: int, kinds: Iterable[HistoryKind], *, timeline_id: str | None, limit: int
    ) -> list[HistoryEntry]:
        """Return the first entries of some kinds after the entry `seq`; of a timeline, where one is given."""
        self.store()
        named = {**_selection(seq, kinds, timeline_id), "limit": limit}
        return [_read(row) for row in self._connection.execute(_ENTRIES_SINCE, named)]

    def count_since(self, seq: int, kinds: Iterable[HistoryKind], *, timeline_id: str | None) -> int:
        """Return how many there are."""
        self.store()
        row = self._connection.execute(_COUNT_SINCE, _selection(seq, kinds, timeline_id)).fetchone()
        return int(row[0])


def _selection(seq: int, kinds: Iterable[HistoryKind], timeline_id: str | None) -> dict[str, object]:
    return {"seq": seq, "kinds": to_json(sorted(kinds)), "timeline_id": timeline_id}


def _read(row: sqlite3.Row) -> HistoryEntry:
    values = dict(row)
    values["kind"] = HistoryKind(values["kind"])
    values["detail"] = parse_json(values["detail"])
    return HistoryEntry(**values)
