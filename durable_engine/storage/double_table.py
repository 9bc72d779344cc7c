"""Table `double`."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Final

from durable_engine.model.double import Double, outcome_json, read_outcome
from durable_engine.model.json_value import parse_json, to_json

_COLUMNS: Final = (
    "double.id, double.function_id, double.step, double.repeat, double.outcomes, double.times, double.scope, "
    "double.created_ms, double.expires_ms, double.uses"
)
# The item of an open call knows its double: what a crash or the end of a run sets free counts no more.
_TAKEN: Final = (
    "(SELECT count(*) FROM queue_item WHERE double_id = double.id AND is_leased = 1 AND id IS NOT :item_id)"
)
_INSERT: Final = """
INSERT INTO "double" (function_id, step, repeat, outcomes, times, scope, created_ms, expires_ms, uses)
VALUES (:function_id, :step, :index, :outcomes, :times, :scope, :created_ms, :expires_ms, :uses) RETURNING id
"""
# The run, what invoked it, and so on; each also by the events that started it, unless it repeats another one.
_FOR_RUN: Final = f"""
WITH RECURSIVE tree (id, parent_run_id, event_id, original_run_id, depth) AS (
    SELECT id, parent_run_id, event_id, original_run_id, 0 FROM run WHERE id = :run_id
    UNION ALL
    SELECT run.id, run.parent_run_id, run.event_id, run.original_run_id, depth + 1
    FROM tree CROSS JOIN run ON run.id = tree.parent_run_id),
place (name, depth) AS (
    SELECT id, depth FROM tree
    UNION SELECT event_id, depth FROM tree WHERE original_run_id IS NULL
    UNION SELECT run_event.event_id, depth FROM tree CROSS JOIN run_event ON run_event.run_id = tree.id
        WHERE original_run_id IS NULL),
near AS (
    SELECT double.id, depth FROM place CROSS JOIN "double" ON double.scope = place.name
        WHERE double.function_id = :function_id
    UNION ALL
    SELECT id, 1000000 FROM "double"
        WHERE scope IS NULL AND function_id = :function_id AND expires_ms > :now_ms)
SELECT {_COLUMNS}, {_TAKEN} AS taken FROM near CROSS JOIN "double" ON double.id = near.id
ORDER BY depth, repeat IS NULL, double.id
"""  # noqa: S608 - column names only
_OF_SCOPE: Final = f'SELECT {_COLUMNS}, 0 AS taken FROM "double" WHERE scope = ? ORDER BY id'  # noqa: S608
_STANDING: Final = f"""
SELECT {_COLUMNS}, 0 AS taken FROM "double" WHERE scope IS NULL AND function_id = ? AND expires_ms > ?
ORDER BY id
"""  # noqa: S608
_ALL_STANDING: Final = _STANDING.replace("function_id = ?", "function_id IS NOT NULL")
_USE: Final = 'UPDATE "double" SET uses = uses + 1 WHERE id = ?'
_TAKE: Final = "UPDATE queue_item SET double_id = ? WHERE id = ?"
_EXIST: Final = 'SELECT 1 FROM "double" LIMIT 1'
_DELETE: Final = 'DELETE FROM "double" WHERE id = ?'
_DELETE_EXPIRED: Final = 'DELETE FROM "double" WHERE scope IS NULL AND expires_ms <= ?'


class DoubleTable:
    """Doubles, and which open calls they were chosen for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._exist: bool | None = None

    def forget(self) -> None:
        """Read everything anew: something was undone."""
        self._exist = None

    def exist(self) -> bool:
        """Whether there is any double; for the connection that writes, as no other one adds any."""
        if self._exist is None:
            self._exist = self._connection.execute(_EXIST).fetchone() is not None
        return self._exist

    def insert(self, double: Double) -> Double:
        """Store a double; returns it with its number."""
        self._exist = True
        named = {
            "function_id": double.function_id,
            "step": double.step,
            "index": double.index,
            "outcomes": to_json([outcome_json(outcome) for outcome in double.outcomes]),
            "times": double.times,
            "scope": double.scope,
            "created_ms": double.created_ms,
            "expires_ms": double.expires_ms,
            "uses": double.uses,
        }
        return replace(double, id=int(self._connection.execute(_INSERT, named).fetchone()[0]))

    def for_run(
        self, run_id: str, function_id: str, *, item_id: int | None = None, now_ms: int
    ) -> list[Double]:
        """Return what may apply to a run, what goes first coming first: its own doubles before standing ones.

        A call that is open as `item_id` is not counted as taken.
        """
        named = {"run_id": run_id, "function_id": function_id, "item_id": item_id, "now_ms": now_ms}
        found = (_read(row) for row in self._connection.execute(_FOR_RUN, named))
        return sorted(found, key=lambda double: double.withholds)

    def of_scope(self, scope: str) -> list[Double]:
        """Return what was given to a run, or for the run of an event."""
        return [_read(row) for row in self._connection.execute(_OF_SCOPE, (scope,))]

    def standing(self, function_id: str | None = None, *, now_ms: int) -> list[Double]:
        """Return the standing doubles that have not expired, of one function or of all."""
        if function_id is None:
            return [_read(row) for row in self._connection.execute(_ALL_STANDING, (now_ms,))]
        return [_read(row) for row in self._connection.execute(_STANDING, (function_id, now_ms))]

    def use(self, double_id: int) -> None:
        """Count a use."""
        self._connection.execute(_USE, (double_id,))

    def take(self, item_id: int, double_id: int | None) -> None:
        """Note which double an open call was chosen for, if any."""
        self._connection.execute(_TAKE, (double_id, item_id))

    def delete(self, double_id: int) -> None:
        """Forget a double."""
        self._exist = None
        self._connection.execute(_DELETE, (double_id,))

    def delete_expired(self, *, now_ms: int) -> None:
        """Forget the standing doubles whose time is over."""
        self._exist = None
        self._connection.execute(_DELETE_EXPIRED, (now_ms,))


def _read(row: sqlite3.Row) -> Double:
    values = dict(row)
    values["index"] = values.pop("repeat")
    values["outcomes"] = tuple(read_outcome(stored) for stored in parse_json(values["outcomes"]))
    return Double(**values)
