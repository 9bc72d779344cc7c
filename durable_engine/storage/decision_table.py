"""Tables `event_decision` and `rate_limit`: what was decided about events, and states of rate limits."""

from __future__ import annotations

import sqlite3
from typing import Final

from durable_engine.model.appointment import Appointment
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
_CAME: Final = "UPDATE event_decision SET run_id = ? WHERE appointment_id = ?"
_EVENTS: Final = "SELECT event_id FROM event_decision WHERE appointment_id = ? ORDER BY seq"
_TAT: Final = "SELECT tat_us FROM rate_limit WHERE function_id = ? AND key = ?"
_SAVE_TAT: Final = "INSERT OR REPLACE INTO rate_limit (function_id, key, tat_us) VALUES (?, ?, ?)"
_SHORTEN_TAT: Final = "UPDATE rate_limit SET tat_us = min(tat_us, ?) WHERE function_id = ?"
_KINDS: Final[dict[str, type[NotAdmitted]]] = {kind.kind: kind for kind in (Delay, Drop, Merge)}


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

    def note_run(self, appointment_id: str, run_id: str) -> None:
        """The start that events had become part of has come."""
        self._connection.execute(_CAME, (run_id, appointment_id))

    def events_of(self, appointment: Appointment) -> list[str]:
        """Return the ids of the events that have become part of a start to come, in order."""
        return [row[0] for row in self._connection.execute(_EVENTS, (appointment.id,))]

    def tat_us(self, function_id: str, key: str) -> int | None:
        """Return the state of a function's rate limit for a key."""
        row = self._connection.execute(_TAT, (function_id, key)).fetchone()
        return None if row is None else int(row[0])

    def save_tat(self, function_id: str, key: str, tat_us: int) -> None:
        """Keep the state of a function's rate limit for a key."""
        self._connection.execute(_SAVE_TAT, (function_id, key, tat_us))

    def shorten_tats(self, function_id: str, latest_us: int) -> None:
        """Let no state of a function's rate limit be later: its configuration has changed."""
        self._connection.execute(_SHORTEN_TAT, (latest_us, function_id))


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
