"""Table `event`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from durable_engine.model.event import Event
from durable_engine.model.json_value import parse_json, to_json

_INSERT: Final = """
INSERT INTO event (id, name, payload, ts_ms, received_ms, source) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""
_GET: Final = "SELECT id, name, payload, ts_ms, received_ms, source FROM event WHERE id = ?"
_PAYLOAD: Final = "SELECT payload FROM event WHERE id = ?"


class EventTable:
    """Accepted events. `payload` is the text that functions get."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def insert(self, event: Event) -> bool:
        """Store an event; False when one with its id is there already."""
        payload = to_json(event.as_payload())
        row = (event.id, event.name, payload, event.ts_ms, event.received_ms, event.source)
        return self._connection.execute(_INSERT, row).rowcount == 1

    def find(self, event_id: str) -> Event | None:
        """Return an event by its ULID, if there is one."""
        row = self._connection.execute(_GET, (event_id,)).fetchone()
        return None if row is None else _read(row)

    def get(self, event_id: str) -> Event:
        """Return an event that a run refers to."""
        return _read(self._connection.execute(_GET, (event_id,)).fetchone())

    def payload(self, event_id: str) -> str:
        """Return the event as JSON text, the way functions see it."""
        return str(self._connection.execute(_PAYLOAD, (event_id,)).fetchone()[0])


def _read(row: Mapping[str, Any]) -> Event:
    """Rebuild an event from its row."""
    payload = parse_json(row["payload"])
    return Event(
        id=row["id"],
        public_id=payload["id"],
        name=row["name"],
        data=payload["data"],
        user=payload["user"],
        ts_ms=row["ts_ms"],
        received_ms=row["received_ms"],
        v=payload.get("v"),
        source=row["source"],
    )
