"""Tables `timeline` and `planned_event`: time that is skipped for single runs, and what happens meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

from durable_engine.model.json_value import parse_json, to_json
from durable_engine.model.plan import PlannedEvent
from durable_engine.model.run import Timeline

_OPEN_RUNS: Final = "SELECT id FROM run WHERE timeline_id = :id AND status IN ('QUEUED', 'RUNNING')"
_INSERT: Final = "INSERT INTO timeline (id, offset_ms, until_ms) VALUES (?, ?, ?)"
_ALL: Final = "SELECT id, offset_ms, until_ms FROM timeline ORDER BY id"
_OF_RUN: Final = """
SELECT timeline.id, timeline.offset_ms, until_ms FROM run JOIN timeline ON timeline.id = run.timeline_id
WHERE run.id = ?
"""
_FIND: Final = "SELECT id, offset_ms, until_ms FROM timeline WHERE id = ?"
_CLOSE: Final = "DELETE FROM timeline WHERE id = ?"
_LIMIT: Final = "UPDATE timeline SET until_ms = ? WHERE id = ?"
_IS_BUSY: Final = f"""
SELECT 1 FROM queue_item WHERE run_id IN ({_OPEN_RUNS})
    AND (is_leased = 1 OR ready_ms IS NOT NULL OR due_ms <= :now_ms) LIMIT 1
"""  # noqa: S608 - parts of statements only
# A wait without a time-out of its own lasts for a year: whoever skips time does not mean to let it time out.
_NEXT_DUE: Final = f"""
SELECT min(due_ms) FROM queue_item WHERE run_id IN ({_OPEN_RUNS}) AND NOT EXISTS (
    SELECT 1 FROM step WHERE queue_item.kind = 'timer' AND step.run_id = queue_item.run_id
        AND step.id = queue_item.step_id AND step.kind != 'SLEEP'
        AND step.due_ms - step.started_ms = :endless_ms)
"""  # noqa: S608
_MOVE_TIMELINE: Final = "UPDATE timeline SET offset_ms = offset_ms + :by_ms WHERE id = :id"
_MOVE_RUNS: Final = f"""
UPDATE run SET offset_ms = offset_ms + :by_ms, skipped_ms = skipped_ms + :by_ms WHERE id IN ({_OPEN_RUNS})
"""  # noqa: S608
_MOVE_ITEMS: Final = f"UPDATE queue_item SET due_ms = due_ms - :by_ms WHERE run_id IN ({_OPEN_RUNS})"  # noqa: S608
_MOVE_CANCELS: Final = f"""
UPDATE cancel_trigger SET expires_ms = expires_ms - :by_ms
WHERE run_id IN ({_OPEN_RUNS}) AND expires_ms IS NOT NULL
"""  # noqa: S608
_JOIN: Final = "UPDATE run SET timeline_id = ? WHERE id = ?"
_PLAN: Final = """
INSERT INTO planned_event (timeline_id, position, name, data, is_signal, after_step, after_ms)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_PLANNED: Final = """
SELECT position, name, data, is_signal, after_step, after_ms, sent_ms FROM planned_event
WHERE timeline_id = ? ORDER BY position
"""
# Jumps bring it nearer; where time is not skipped, somebody has to look when it has come. One whose time has
# come and that is not sent waits for a call, whose end sends it: nobody has to look for that.
_NEXT_PLANNED: Final = """
SELECT min(run.queued_ms + planned_event.after_ms - timeline.offset_ms)
FROM timeline JOIN planned_event ON planned_event.timeline_id = timeline.id JOIN run ON run.id = timeline.id
WHERE after_ms IS NOT NULL AND sent_ms IS NULL
    AND run.queued_ms + planned_event.after_ms - timeline.offset_ms > ?
"""
_SENT: Final = "UPDATE planned_event SET sent_ms = ? WHERE timeline_id = ? AND position = ?"


class TimelineTable:
    """Times of single runs. Each has the id of the run with which it began.

    `moved` is told when runs are at another time, or in another timeline, than before.
    """

    def __init__(self, connection: sqlite3.Connection, *, moved: Callable[[], None]) -> None:
        self._connection = connection
        self._moved = moved
        self._exist: bool | None = None

    def forget(self) -> None:
        """Read everything anew: something was undone."""
        self._exist = None

    def all(self) -> list[Timeline]:
        """Return the times that go their own way now; with none of them this costs nothing."""
        if self._exist is False:
            return []
        found = [Timeline(**dict(row)) for row in self._connection.execute(_ALL)]
        self._exist = bool(found)
        return found

    def of_run(self, run_id: str) -> list[Timeline]:
        """Return the time that a run has of its own, if it goes its own way now; costs nothing as `all`."""
        if self._exist is False:
            return []
        return [Timeline(**dict(row)) for row in self._connection.execute(_OF_RUN, (run_id,))]

    def find(self, timeline_id: str) -> Timeline | None:
        """Return a time that goes its own way now."""
        row = self._connection.execute(_FIND, (timeline_id,)).fetchone()
        return None if row is None else Timeline(**dict(row))

    def open(self, timeline: Timeline) -> None:
        """Let a run, which belongs to it already, have a time of its own."""
        self._exist = True
        self._connection.execute(_INSERT, (timeline.id, timeline.offset_ms, timeline.until_ms))

    def close(self, timeline: Timeline) -> None:
        """Forget a time whose runs have all ended."""
        self._connection.execute(_CLOSE, (timeline.id,))

    def join(self, run_id: str, timeline_id: str) -> None:
        """Let an open run belong to a timeline."""
        self._connection.execute(_JOIN, (timeline_id, run_id))
        self._moved()

    def limit(self, timeline_id: str, until_ms: int | None) -> None:
        """Let a time jump by itself up to `until_ms`, in its own time."""
        self._connection.execute(_LIMIT, (until_ms, timeline_id))

    def open_runs(self, timeline_id: str) -> list[str]:
        """Return the ids of its runs that have not ended."""
        return [row[0] for row in self._connection.execute(_OPEN_RUNS, {"id": timeline_id})]

    def is_busy(self, timeline_id: str, *, now_ms: int) -> bool:
        """Whether a run of it is called, waits for its turn, or has something due."""
        named = {"id": timeline_id, "now_ms": now_ms}
        return self._connection.execute(_IS_BUSY, named).fetchone() is not None

    def next_due_ms(self, timeline_id: str, *, endless_ms: int) -> int | None:
        """Return when something of it is due, in the engine's time; waits of `endless_ms` do not count."""
        named = {"id": timeline_id, "endless_ms": endless_ms}
        due: int | None = self._connection.execute(_NEXT_DUE, named).fetchone()[0]
        return due

    def move(self, timeline_id: str, by_ms: int) -> None:
        """Skip time: all that its runs wait for comes nearer."""
        named = {"id": timeline_id, "by_ms": by_ms}
        for statement in (_MOVE_ITEMS, _MOVE_CANCELS, _MOVE_RUNS, _MOVE_TIMELINE):
            self._connection.execute(statement, named)
        self._moved()

    def plan(self, timeline_id: str, events: Iterable[PlannedEvent]) -> None:
        """Keep events that are sent while the runs of a timeline wait."""
        for position, event in enumerate(events):
            data = to_json(event.data)
            row = (timeline_id, position, event.name, data, event.is_signal, event.after_step, event.after_ms)
            self._connection.execute(_PLAN, row)

    def planned(self, timeline_id: str) -> list[PlannedEvent]:
        """Return the events that were planned, sent or not."""
        return [_read(row) for row in self._connection.execute(_PLANNED, (timeline_id,))]

    def next_planned_ms(self, *, now_ms: int) -> int | None:
        """Return when an event that was planned for a time to come is to be sent, in the engine's time."""
        if self._exist is False:
            return None
        due: int | None = self._connection.execute(_NEXT_PLANNED, (now_ms,)).fetchone()[0]
        return due

    def note_sent(self, timeline_id: str, position: int, *, at_ms: int) -> None:
        """A planned event was sent."""
        self._connection.execute(_SENT, (at_ms, timeline_id, position))


def _read(row: sqlite3.Row) -> PlannedEvent:
    values = dict(row)
    values["is_signal"] = bool(values["is_signal"])
    values["data"] = parse_json(values["data"])
    return PlannedEvent(**values)
