"""Table `event_effect`: the waits that an event ended, and the runs that it cancelled."""

from __future__ import annotations

import sqlite3
from typing import Final

from durable_engine.model.event import EventEffect

_INSERT: Final = "INSERT INTO event_effect (event_id, run_id, step_id) VALUES (?, ?, ?)"
_OF_EVENT: Final = (
    "SELECT event_id, run_id, step_id FROM event_effect WHERE event_id = ? ORDER BY seq LIMIT ?"
)


class EffectTable:
    """What events did to runs that they did not start."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def insert(self, effect: EventEffect) -> None:
        """Keep one."""
        self._connection.execute(_INSERT, (effect.event_id, effect.run_id, effect.step_id))

    def of_event(self, event_id: str, *, limit: int) -> list[EventEffect]:
        """Return what an event did, in order."""
        rows = self._connection.execute(_OF_EVENT, (event_id, limit))
        return [EventEffect(event_id=row[0], run_id=row[1], step_id=row[2]) for row in rows]
