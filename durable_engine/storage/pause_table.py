"""Tables `pause` and `cancel_trigger`: what is waited for from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from durable_engine.expressions import incoming_key
from durable_engine.model.json_value import JSONObject
from durable_engine.model.pause import CancelTrigger, Pause
from durable_engine.storage.awaited import AwaitedNames

_ALL: Final = -1
"""No limit, as SQLite writes it."""
_COLUMNS: Final = "run_id, step_id, event_name, expression, child_run_id, signal, match_path, match_key"
_INSERT: Final = f"INSERT OR IGNORE INTO pause ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - columns only
# The index is named, because the longer one, which the planner likes as well, has another order.
_BY_EVENT: Final = f"""
SELECT {_COLUMNS} FROM pause INDEXED BY pause_by_event
WHERE event_name = ? ORDER BY run_id, step_id LIMIT ?
"""  # noqa: S608
_BY_MATCH: Final = f"""
SELECT {_COLUMNS} FROM pause WHERE event_name = ? AND match_path = ? AND match_key = ?
"""  # noqa: S608
_BY_CHILD: Final = f"SELECT {_COLUMNS} FROM pause WHERE child_run_id = ?"  # noqa: S608
_BY_SIGNAL: Final = f"SELECT {_COLUMNS} FROM pause WHERE signal = ?"  # noqa: S608
_CLOSE: Final = "DELETE FROM pause WHERE run_id = ? AND step_id = ?"
_CLOSE_RUN: Final = "DELETE FROM pause WHERE run_id = ?"
_STEPS: Final = "SELECT step_id FROM pause WHERE run_id = ?"
_CANCEL_COLUMNS: Final = "run_id, position, event_name, expression, expires_ms, match_path, match_key"
_INSERT_CANCEL: Final = f"INSERT INTO cancel_trigger ({_CANCEL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_CANCEL_BY_EVENT: Final = f"""
SELECT {_CANCEL_COLUMNS} FROM cancel_trigger INDEXED BY cancel_trigger_by_event
WHERE event_name = ? AND (expires_ms IS NULL OR expires_ms > ?) ORDER BY run_id, position LIMIT ?
"""  # noqa: S608
_CANCEL_BY_MATCH: Final = f"""
SELECT {_CANCEL_COLUMNS} FROM cancel_trigger WHERE event_name = ? AND match_path = ? AND match_key = ?
    AND (expires_ms IS NULL OR expires_ms > ?)
"""  # noqa: S608
_CLOSE_CANCEL: Final = "DELETE FROM cancel_trigger WHERE run_id = ?"


def _paths_of(table: str) -> str:
    """Return a query for the few different paths of many rows: it goes from each to the next in the index."""
    return f"""
    WITH RECURSIVE known (path) AS (
        SELECT min(match_path) FROM {table} WHERE event_name = :name
        UNION ALL
        SELECT (SELECT min(match_path) FROM {table} WHERE event_name = :name AND match_path > known.path)
        FROM known WHERE known.path IS NOT NULL
    )
    SELECT path FROM known WHERE path IS NOT NULL
    """  # noqa: S608 - names of our tables


_PATHS: Final = _paths_of("pause")
_CANCEL_PATHS: Final = _paths_of("cancel_trigger")


class PauseTable:
    """What waits for an event, another run or a signal, and the events that cancel runs."""

    def __init__(self, connection: sqlite3.Connection, *, remembers: bool = False) -> None:
        self._connection = connection
        self._awaited = AwaitedNames(connection, "pause", remembers=remembers)
        self._cancelling = AwaitedNames(connection, "cancel_trigger", remembers=remembers)

    def forget(self) -> None:
        """Read everything anew: something was undone."""
        self._awaited.forget()
        self._cancelling.forget()

    def insert(self, pause: Pause) -> None:
        """Register a wait; the first one of a step counts."""
        row = (
            pause.run_id,
            pause.step_id,
            pause.event_name,
            pause.expression,
            pause.child_run_id,
            pause.signal,
            pause.match_path,
            pause.match_key,
        )
        self._connection.execute(_INSERT, row)
        if pause.event_name is not None:
            self._awaited.add(pause.event_name)

    def insert_cancel(self, trigger: CancelTrigger) -> None:
        """Register an event that cancels a run."""
        row = (
            trigger.run_id,
            trigger.position,
            trigger.event_name,
            trigger.expression,
            trigger.expires_ms,
            trigger.match_path,
            trigger.match_key,
        )
        self._connection.execute(_INSERT_CANCEL, row)
        self._cancelling.add(trigger.event_name)

    def for_event(self, event_name: str, *, limit: int = _ALL) -> list[Pause]:
        """Return the waits for events of this name, `limit` of them at most, those of old runs first."""
        return [Pause(**dict(row)) for row in self._connection.execute(_BY_EVENT, (event_name, limit))]

    def awaited(self, *, limit: int) -> list[str]:
        """Return the names of events that something waits for now."""
        return self._awaited.some(limit=limit)

    def candidates(self, event_name: str, incoming: JSONObject) -> list[Pause]:
        """Return the waits that this event may end, in the order of `for_event`.

        All others have an expression that is false for it; those of the candidates are to be evaluated.
        """
        if not self._awaited.may_have(event_name):
            return []
        pauses = [Pause(**dict(row)) for row in self._matching(_PATHS, _BY_MATCH, event_name, incoming)]
        return sorted(pauses, key=lambda pause: (pause.run_id, pause.step_id))

    def for_child(self, run_id: str) -> Pause | None:
        """Return the wait for the end of this run."""
        row = self._connection.execute(_BY_CHILD, (run_id,)).fetchone()
        return None if row is None else Pause(**dict(row))

    def for_signal(self, signal: str) -> Pause | None:
        """Return the wait for this signal."""
        row = self._connection.execute(_BY_SIGNAL, (signal,)).fetchone()
        return None if row is None else Pause(**dict(row))

    def cancelled_by(self, event_name: str, *, now_ms: int, limit: int = _ALL) -> list[CancelTrigger]:
        """Return what events of this name may cancel now, `limit` of them at most."""
        rows = self._connection.execute(_CANCEL_BY_EVENT, (event_name, now_ms, limit))
        return [CancelTrigger(**dict(row)) for row in rows]

    def cancel_candidates(self, event_name: str, incoming: JSONObject, *, now_ms: int) -> list[CancelTrigger]:
        """Return what this event may cancel now, in the order of `cancelled_by`; see `candidates`."""
        if not self._cancelling.may_have(event_name):
            return []
        rows = self._matching(_CANCEL_PATHS, _CANCEL_BY_MATCH, event_name, incoming, now_ms)
        triggers = [CancelTrigger(**dict(row)) for row in rows]
        return sorted(triggers, key=lambda trigger: (trigger.run_id, trigger.position))

    def close(self, run_id: str, step_id: str) -> None:
        """Remove a wait that is over."""
        self._connection.execute(_CLOSE, (run_id, step_id))

    def close_run(self, run_id: str) -> None:
        """Remove all waits of a run that has ended."""
        self._connection.execute(_CLOSE_RUN, (run_id,))
        self._connection.execute(_CLOSE_CANCEL, (run_id,))

    def steps_waiting(self, run_id: str) -> frozenset[str]:
        """Return the ids of the run's steps that wait for something from outside."""
        return frozenset(row[0] for row in self._connection.execute(_STEPS, (run_id,)))

    def _matching(
        self, paths: str, by_match: str, event_name: str, incoming: JSONObject, *more: int
    ) -> Iterator[sqlite3.Row]:
        for (path,) in self._connection.execute(paths, {"name": event_name}).fetchall():
            key = incoming_key(path, incoming)
            if key is not None:
                yield from self._connection.execute(by_match, (event_name, path, key, *more))
