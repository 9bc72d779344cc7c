"""Table `history`."""

from __future__ import annotations

import sqlite3
from typing import Final

from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import parse_json, to_json

_INSERT: Final = """
INSERT INTO history (run_id, at_ms, kind, step_id, attempt, detail) VALUES (?, ?, ?, ?, ?, ?)
"""
_OF_RUN: Final = """
SELECT run_id, at_ms, kind, step_id, attempt, detail FROM history WHERE run_id = ? ORDER BY seq
"""

_HAS: Final = "SELECT 1 FROM history WHERE run_id = ? AND kind = ? LIMIT 1"
_DOUBLED_BELOW: Final = """
WITH RECURSIVE tree (id) AS (
    SELECT id FROM run WHERE parent_run_id = ?
    UNION ALL SELECT run.id FROM tree CROSS JOIN run ON run.parent_run_id = tree.id)
SELECT id FROM tree WHERE EXISTS (SELECT 1 FROM history WHERE run_id = tree.id AND kind = ?) LIMIT 5
"""


class HistoryTable:
    """What happened, append-only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, entry: HistoryEntry) -> None:
        """Add one entry."""
        detail = to_json(entry.detail)
        row = (entry.run_id, entry.at_ms, entry.kind.value, entry.step_id, entry.attempt, detail)
        self._connection.execute(_INSERT, row)

    def has(self, run_id: str, kind: HistoryKind) -> bool:
        """Whether something of this kind happened to the run."""
        return self._connection.execute(_HAS, (run_id, kind.value)).fetchone() is not None

    def doubled_below(self, run_id: str) -> list[str]:
        """Return the first few runs below a run, invoked by it or by those, in which doubles applied."""
        values = (run_id, HistoryKind.DOUBLED.value)
        return [row[0] for row in self._connection.execute(_DOUBLED_BELOW, values)]

    def of_run(self, run_id: str) -> list[HistoryEntry]:
        """Return the entries of a run in order."""
        entries = []
        for row in map(dict, self._connection.execute(_OF_RUN, (run_id,))):
            row["kind"] = HistoryKind(row["kind"])
            row["detail"] = parse_json(row["detail"])
            entries.append(HistoryEntry(**row))
        return entries
