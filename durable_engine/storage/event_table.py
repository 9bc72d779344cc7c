"""Table `event`."""

from __future__ import annotations

import sqlite3
from sys import getsizeof
from typing import Final, TypeAlias

from durable_engine.model.event import INTERNAL_PREFIX, Event, EventSender
from durable_engine.model.json_value import parse_json, to_json
from durable_engine.model.records import EventFilter
from durable_engine.storage.recent import Recent
from durable_engine.storage.retention_table import RetentionTable

_INSERT: Final = """
INSERT INTO event (id, name, payload, ts_ms, received_ms, source) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""
_GET: Final = "SELECT id, name, payload, ts_ms, received_ms, source FROM event WHERE id = ?"
_NAME: Final = "SELECT name FROM event WHERE id = ?"
_POSITION: Final = "SELECT received_ms, rowid FROM event WHERE id = ?"
# Events of the same millisecond keep the order in which they came.
_SPAN: Final = "received_ms >= :from_ms AND (received_ms, rowid) < (:end_ms, :end_row)"
_ORDER: Final = "ORDER BY received_ms DESC, rowid DESC LIMIT :limit"
_NEWEST: Final = f"SELECT id FROM event WHERE {_SPAN} {_ORDER}"  # noqa: S608 - parts of statements only
_NEWEST_BY_NAME: Final = f"SELECT id FROM event WHERE name = :name AND {_SPAN} {_ORDER}"  # noqa: S608
# The condition of the index `event_sent`, word for word: the engine's own events are left out.
_NEWEST_SENT: Final = f"""
SELECT id FROM event WHERE substr(name, 1, 8) != 'inngest/' AND {_SPAN} {_ORDER}
"""  # noqa: S608
# What a result names may be made up, or be an event that the step only knows of: only what came as a request
# after the run had begun may be its own, and the first step that names it sent it.
_NOTE_SENDER: Final = """
INSERT OR IGNORE INTO event_sender (event_id, run_id, step_id)
SELECT event.id, run.id, :step_id FROM event JOIN run ON run.id = :run_id
WHERE event.id = :event_id AND event.source = 'api' AND event.received_ms >= run.received_ms
"""
_SENDER: Final = "SELECT event_id, run_id, step_id FROM event_sender WHERE event_id = ?"
_ALWAYS_MS: Final = 2**62
_Row: TypeAlias = tuple[str, str, str, int, int, str]
"""What `_GET` selects."""
_MOST_KEPT_BYTES: Final = 2 * 1024 * 1024


class EventTable:
    """Accepted events. `payload` is the text that functions get."""

    def __init__(self, connection: sqlite3.Connection, *, remembers: bool = False) -> None:
        self._connection = connection
        self._retention = RetentionTable(connection)
        # Every call of a run carries its event.
        self._kept = Recent[_Row](most_bytes=_MOST_KEPT_BYTES if remembers else 0)

    def forget(self) -> None:
        """Read everything anew: something was undone."""
        self._kept.clear()

    def insert(self, event: Event) -> bool:
        """Store an event; False when one with its id is there already."""
        payload = to_json(event.as_payload())
        row = (event.id, event.name, payload, event.ts_ms, event.received_ms, event.source)
        is_new = self._connection.execute(_INSERT, row).rowcount == 1
        if is_new:  # one with the same id, made of a seed, may have been pruned
            self._kept.drop(event.id)
            if event.source != "engine":  # which starts nothing, as a rule
                self._keep(row)
        return is_new

    def _keep(self, row: _Row) -> None:
        self._kept.put(row[0], row, size=getsizeof(row[2]))

    def find(self, event_id: str) -> Event | None:
        """Return an event by its ULID, if there is one."""
        row = self._connection.execute(_GET, (event_id,)).fetchone()
        return None if row is None else _read(row)

    def hint(self, event_id: str) -> str:
        """Return what to tell who asks for an event that is not there."""
        if self._retention.pruned_event_ms(event_id) is None:
            return "Event ids are those that sending an event returned; list_events finds events."
        return "It may have been pruned with the runs that it started; list_events shows what is kept."

    def get(self, event_id: str) -> Event:
        """Return an event that a run refers to."""
        return _read(self._known(event_id))

    def _known(self, event_id: str) -> _Row:
        kept = self._kept.get(event_id)
        if kept is None:
            kept = tuple(self._connection.execute(_GET, (event_id,)).fetchone())
            self._keep(kept)
        return kept

    def name(self, event_id: str) -> str:
        """Return the name of an event that a run refers to."""
        return str(self._connection.execute(_NAME, (event_id,)).fetchone()[0])

    def newest(self, wanted: EventFilter, *, after: str | None, limit: int) -> list[str]:
        """Return the ids of up to `limit` events that fit, newest first; `after` ended the last page.

        Raises:
            LookupError: `after` is no event.
        """
        end: tuple[int, int] = (_ALWAYS_MS if wanted.until_ms is None else wanted.until_ms, 0)
        if after is not None:
            row = self._connection.execute(_POSITION, (after,)).fetchone()
            pruned_ms = self._retention.pruned_event_ms(after) if row is None else None
            if pruned_ms is not None:
                row = (pruned_ms, 0)
            if row is None:
                raise LookupError(after)
            end = min(end, (row[0], row[1]))
        is_hidden = wanted.name is not None and wanted.name.startswith(INTERNAL_PREFIX)
        if is_hidden and not wanted.with_internal:
            return []
        values = {
            "name": wanted.name,
            "from_ms": wanted.from_ms or 0,
            "end_ms": end[0],
            "end_row": end[1],
            "limit": limit,
        }
        if wanted.name is not None:
            statement = _NEWEST_BY_NAME
        else:
            statement = _NEWEST if wanted.with_internal else _NEWEST_SENT
        return [row[0] for row in self._connection.execute(statement, values)]

    def note_sender(self, sender: EventSender) -> None:
        """Keep which step sent an event, if that can be and nothing else is known."""
        named = {"event_id": sender.event_id, "run_id": sender.run_id, "step_id": sender.step_id}
        self._connection.execute(_NOTE_SENDER, named)

    def sender(self, event_id: str) -> EventSender | None:
        """Return the step that sent an event, if one is known."""
        row = self._connection.execute(_SENDER, (event_id,)).fetchone()
        return None if row is None else EventSender(**dict(row))

    def payload(self, event_id: str) -> str:
        """Return the event as JSON text, the way functions see it."""
        return self._known(event_id)[2]


def _read(row: _Row) -> Event:
    """Rebuild an event from its row."""
    event_id, name, text, ts_ms, received_ms, source = row
    payload = parse_json(text)
    return Event(
        id=event_id,
        public_id=payload["id"],
        name=name,
        data=payload["data"],
        user=payload["user"],
        ts_ms=ts_ms,
        received_ms=received_ms,
        v=payload.get("v"),
        source=source,
    )
