"""Deletes ended runs that nobody needs any more, events that nothing refers to, and what else is left behind.

Each method deletes little, so that what goes on meanwhile never waits long. The row with the highest number
of a table always stays: SQLite would give its number to the next one, and marks compare numbers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Final

from durable_engine.model.history import HistoryKind
from durable_engine.storage.retention_table import RetentionTable

_IS_OPEN: Final = "status IN ('QUEUED', 'RUNNING')"
_ENDED: Final = """
SELECT ended_order, id, event_id, event_count, state_bytes + coalesce(length(output), 0) AS size FROM run
WHERE ended_order > ? AND ended_order <= ? ORDER BY ended_order LIMIT ?
"""
# Leaves go first, so that whatever leads up from an open run stays whole; and nothing below one goes. A
# timeline has the id of the run with which it began. The key of a direct start has to name its run for a day,
# and a handle is held on several runs.
_IS_NEEDED: Final = f"""
SELECT EXISTS (SELECT 1 FROM run AS child WHERE child.parent_run_id = :id)
    OR EXISTS (SELECT 1 FROM timeline WHERE timeline.id = :id)
    OR EXISTS (SELECT 1 FROM start_key WHERE start_key.run_id = :id AND start_key.expires_ms > :now_ms
        AND substr(start_key.key, 1, 15) = 'inngest/invoke:')
    OR EXISTS (
        WITH RECURSIVE up (parent_run_id, status) AS (
            SELECT parent_run_id, status FROM run WHERE id = :id
            UNION ALL SELECT above.parent_run_id, above.status
            FROM up CROSS JOIN run AS above ON above.id = up.parent_run_id)
        SELECT 1 FROM up WHERE {_IS_OPEN})
    OR EXISTS (
        SELECT 1 FROM history CROSS JOIN json_each(history.detail, '$.facts.runs') AS held
        CROSS JOIN run AS other ON other.id = held.value
        WHERE history.run_id = :id AND history.kind = :handle AND other.{_IS_OPEN})
"""  # noqa: S608 - parts of statements only
_EVENTS_OF: Final = "SELECT event_id FROM run_event WHERE run_id = ?"
_OF_RUN: Final = (
    "DELETE FROM step WHERE run_id = ?",
    "DELETE FROM history WHERE run_id = ?",
    "DELETE FROM run_event WHERE run_id = ?",
    "DELETE FROM event_effect WHERE run_id = ?",
    "DELETE FROM event_sender WHERE run_id = ?",
    "DELETE FROM planned_event WHERE timeline_id = ?",
    'DELETE FROM "double" WHERE scope = ?',
    "DELETE FROM run WHERE id = ?",
)
_CAME: Final = "SELECT rowid, id FROM event WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?"
_UNUSED: Final = """
SELECT length(payload) FROM event WHERE event.id = :id AND NOT (
    EXISTS (SELECT 1 FROM run WHERE run.event_id = :id)
    OR EXISTS (SELECT 1 FROM run_event WHERE run_event.event_id = :id)
    OR EXISTS (SELECT 1 FROM appointment_event WHERE appointment_event.event_id = :id)
    OR EXISTS (SELECT 1 FROM event_decision AS made JOIN appointment ON appointment.id = made.appointment_id
        WHERE made.event_id = :id)
    OR event.rowid = (SELECT max(rowid) FROM event))
"""
# An event that is sent again with the same id is known for a day, as ever.
_STAYS_KNOWN: Final = """
INSERT OR IGNORE INTO start_key (function_id, key, run_id, expires_ms)
SELECT '', id, '', received_ms + :day_ms FROM event WHERE id = :id AND received_ms + :day_ms > :now_ms
"""
_OF_EVENT: Final = (
    "DELETE FROM event_decision WHERE event_id = ?",
    "DELETE FROM event_effect WHERE event_id = ?",
    "DELETE FROM event_sender WHERE event_id = ?",
    'DELETE FROM "double" WHERE scope = ?',
    "DELETE FROM event WHERE id = ?",
)
_EVENT_ROW: Final = """
SELECT event.rowid FROM run CROSS JOIN event ON event.id = run.event_id
WHERE run.ended_order > ? AND run.ended_order <= ? ORDER BY run.ended_order LIMIT 1
"""
_OLD_KEYS: Final = """
DELETE FROM start_key WHERE (function_id, key) IN (
    SELECT function_id, key FROM start_key WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?)
"""
_OLD_RATES: Final = """
DELETE FROM rate_limit WHERE (function_id, key) IN (
    SELECT function_id, key FROM rate_limit WHERE slot_us < ? ORDER BY slot_us LIMIT ?)
"""
# Nobody stands in it or is called from it, and the state of its gates is that of new ones.
_IS_IDLE: Final = f"""
SELECT 1 FROM lane WHERE id = :id AND is_waiting = 0 AND parked_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM run WHERE run.lane_id = lane.id AND run.{_IS_OPEN})
    AND NOT EXISTS (SELECT 1 FROM run WHERE run.lane_id = lane.work_lane_id AND run.{_IS_OPEN})
    AND NOT EXISTS (SELECT 1 FROM lane AS first WHERE first.work_lane_id = lane.id)
    AND NOT EXISTS (
        SELECT 1 FROM lane_gate JOIN gate ON gate.id = lane_gate.gate_id WHERE lane_gate.lane_id = lane.id
            AND (gate.running > 0 OR gate.slot_us + coalesce(lane_gate.interval_us, 0) > :now_us))
"""  # noqa: S608
# The newest first: a lane of starts came after the lane of work behind it.
_LANES: Final = """
SELECT id FROM lane WHERE id < ? AND id < (SELECT max(id) FROM lane) ORDER BY id DESC LIMIT ?
"""
_GATES_OF: Final = "SELECT gate_id FROM lane_gate WHERE lane_id = ?"
_UNLINK: Final = "DELETE FROM lane_gate WHERE lane_id = ?"
_DELETE_LANE: Final = "DELETE FROM lane WHERE id = ?"
_DELETE_GATE: Final = """
DELETE FROM gate WHERE id = :id AND id < (SELECT max(id) FROM gate)
    AND NOT EXISTS (SELECT 1 FROM lane_gate WHERE lane_gate.gate_id = :id)
"""
_MOST_ROWS: Final = 200
_MOST_BYTES: Final = 4 * 1024 * 1024
_ROW_BYTES: Final = 128
_DAY_MS: Final = 86_400_000
_LONGEST_RATE_MS: Final = _DAY_MS
"""The longest period of a rate limit: a state as old as that is that of a key which was never used."""


class _Cost:
    """What a transaction has deleted so far."""

    def __init__(self, most_bytes: int) -> None:
        self._rows, self._bytes = _MOST_ROWS, min(most_bytes, _MOST_BYTES)

    @property
    def is_high(self) -> bool:
        """Whether that is enough for one transaction."""
        return self._rows <= 0 or self._bytes <= 0

    def add(self, rows: int, size: int) -> None:
        """Count rows, and the bytes of their larger columns."""
        self._rows -= rows
        self._bytes -= size + rows * _ROW_BYTES


class PruningTable:
    """What is pruned, some rows at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._retention = RetentionTable(connection)

    def prune_runs(
        self, *, after: int, until: int, most: int, but: Collection[str], now_ms: int, wall_ms: int
    ) -> int | None:
        """Delete some of the ended runs from one place in their order to another, and their events.

        It stops at `most` bytes. `but` are ids of runs that somebody watches. Returns the place of the last
        one that was looked at, None when there is none left.
        """
        cost, reached, gone = _Cost(most), None, []
        for run in self._connection.execute(_ENDED, (after, until, _MOST_ROWS // 4)).fetchall():
            if cost.is_high:
                break
            reached = run["ended_order"]
            named = {"id": run["id"], "now_ms": now_ms, "handle": HistoryKind.HANDLE_GIVEN.value}
            if run["id"] in but or self._connection.execute(_IS_NEEDED, named).fetchone()[0]:
                continue
            self._delete_run(run, cost, now_ms=now_ms)
            gone.append(run["id"])
        self._retention.note_runs(gone, now_ms=now_ms, wall_ms=wall_ms)
        return reached

    def prune_events(self, *, after: int, until: int, most: int, now_ms: int) -> int | None:
        """Delete some of the events that nothing refers to, in the order in which they came.

        Returns the row of the last one that was looked at, None when there is none left.
        """
        cost, reached, gone = _Cost(most), None, []
        for row, event_id in self._connection.execute(_CAME, (after, until, _MOST_ROWS)).fetchall():
            if cost.is_high:
                break
            reached = row
            if self._delete_event(event_id, cost, now_ms=now_ms):
                gone.append(event_id)
        self._retention.note_events(gone, now_ms=now_ms)
        return reached

    def event_row_of(self, *, after: int, until: int) -> int | None:
        """Return where the event of the next ended run is in the order of events."""
        row = self._connection.execute(_EVENT_ROW, (after, until)).fetchone()
        return None if row is None else int(row[0])

    def prune_keys(self, *, now_ms: int) -> bool:
        """Delete some idempotency keys and states of rate limits that count no more; whether any was left."""
        slot_us = (now_ms - _LONGEST_RATE_MS) * 1_000
        counts = (
            self._connection.execute(_OLD_KEYS, (now_ms, _MOST_ROWS)).rowcount,
            self._connection.execute(_OLD_RATES, (slot_us, _MOST_ROWS)).rowcount,
        )
        return max(counts) == _MOST_ROWS

    def prune_lanes(self, *, before: int, now_ms: int) -> int | None:
        """Delete some lanes in which nothing can be, and gates that no lane passes.

        Returns the lane before which the next look goes on, None when there is none left.
        """
        reached = None
        for (lane_id,) in self._connection.execute(_LANES, (before, _MOST_ROWS)).fetchall():
            reached = lane_id
            idle = self._connection.execute(_IS_IDLE, {"id": lane_id, "now_us": now_ms * 1_000}).fetchone()
            if idle is None:
                continue
            gates = [row[0] for row in self._connection.execute(_GATES_OF, (lane_id,))]
            self._connection.execute(_UNLINK, (lane_id,))
            self._connection.execute(_DELETE_LANE, (lane_id,))
            for gate_id in gates:
                self._connection.execute(_DELETE_GATE, {"id": gate_id})
        return reached

    def _delete_run(self, run: sqlite3.Row, cost: _Cost, *, now_ms: int) -> None:
        events = [run["event_id"]]
        if run["event_count"] > 1:
            events += [row[0] for row in self._connection.execute(_EVENTS_OF, (run["id"],))]
        rows = sum(self._connection.execute(statement, (run["id"],)).rowcount for statement in _OF_RUN)
        cost.add(rows, run["size"])
        for event_id in dict.fromkeys(events):
            self._delete_event(event_id, cost, now_ms=now_ms)

    def _delete_event(self, event_id: str, cost: _Cost, *, now_ms: int) -> bool:
        """Delete an event that nothing refers to; False for another one."""
        named = {"id": event_id, "day_ms": _DAY_MS, "now_ms": now_ms}
        unused = self._connection.execute(_UNUSED, {"id": event_id}).fetchone()
        if unused is None:
            return False
        self._connection.execute(_STAYS_KNOWN, named)
        rows = sum(self._connection.execute(statement, (event_id,)).rowcount for statement in _OF_EVENT)
        cost.add(rows, unused[0])
        return True
