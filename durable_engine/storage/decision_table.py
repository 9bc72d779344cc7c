"""Tables `event_decision` and `rate_limit`: what was decided about events, and states of rate limits."""

from __future__ import annotations

import sqlite3
from typing import Final

from durable_engine.model.decision import Control, Delay, Drop, EventDecision, Merge, NotAdmitted

_INSERT: Final = """
INSERT INTO event_decision
    (event_id, function_id, kind, control, reason, until_ms, run_id, appointment_id, at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_OF_EVENT: Final = """
SELECT event_id, function_id, function.slug, kind, control, reason, until_ms, run_id, appointment_id, at_ms
FROM event_decision JOIN function ON function.id = event_decision.function_id
WHERE event_id = ? ORDER BY seq
"""
_EVENTS_OF: Final = "SELECT event_id FROM event_decision WHERE appointment_id = ?"
_COUNTS: Final = """
SELECT control, count(*) FROM (
    SELECT control FROM event_decision WHERE function_id = ? AND at_ms >= ? ORDER BY at_ms DESC LIMIT ?
) GROUP BY control
"""
_CAME: Final = "UPDATE event_decision SET run_id = ? WHERE appointment_id = ?"
_SLOT: Final = "SELECT slot_us FROM rate_limit WHERE function_id = ? AND key = ?"
_SAVE_SLOT: Final = "INSERT OR REPLACE INTO rate_limit (function_id, key, slot_us) VALUES (?, ?, ?)"
_KINDS: Final[dict[str, type[NotAdmitted]]] = {kind.kind: kind for kind in (Delay, Drop, Merge)}


_MAX_COUNTED: Final = 10_000


class DecisionTable:
    """What became of events."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def insert(self, entry: EventDecision) -> None:
        """Keep a decision on the record of its event."""
        decision = entry.decision
        row = (
            entry.event_id,
            entry.function_id,
            decision.kind,
            decision.control.value,
            decision.reason,
            decision.until_ms,
            decision.run_id,
            entry.appointment,
            entry.at_ms,
        )
        self._connection.execute(_INSERT, row)

    def of_event(self, event_id: str) -> list[EventDecision]:
        """Return what was decided about an event, in order."""
        return [_read(row) for row in self._connection.execute(_OF_EVENT, (event_id,))]

    def counts(self, function_id: str, *, since_ms: int) -> dict[str, int]:
        """Return how often each control decided about events of a function, of the newest 10,000 times."""
        return dict(self._connection.execute(_COUNTS, (function_id, since_ms, _MAX_COUNTED)).fetchall())

    def events_of(self, appointment_id: str) -> list[str]:
        """Return the ids of the events that are part of a start to come."""
        return [row[0] for row in self._connection.execute(_EVENTS_OF, (appointment_id,))]

    def note_run(self, appointment_id: str, run_id: str) -> None:
        """The start that events had become part of has come."""
        self._connection.execute(_CAME, (run_id, appointment_id))

    def slot_us(self, function_id: str, key: str) -> int | None:
        """Return the state of a function's rate limit for a key."""
        row = self._connection.execute(_SLOT, (function_id, key)).fetchone()
        return None if row is None else int(row[0])

    def save_slot(self, function_id: str, key: str, slot_us: int) -> None:
        """Keep the state of a function's rate limit for a key."""
        self._connection.execute(_SAVE_SLOT, (function_id, key, slot_us))


def _read(row: sqlite3.Row) -> EventDecision:
    decision = _KINDS[row["kind"]](
        control=Control(row["control"]),
        reason=row["reason"],
        until_ms=row["until_ms"],
        run_id=row["run_id"],
    )
    return EventDecision(
        event_id=row["event_id"],
        function_id=row["function_id"],
        function_slug=row["slug"],
        decision=decision,
        at_ms=row["at_ms"],
        appointment=row["appointment_id"],
    )
