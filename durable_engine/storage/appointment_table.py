"""Tables `appointment` and `appointment_event`: starts that are to come, and the events they are for."""

from __future__ import annotations

import sqlite3
from typing import Final

from durable_engine.model.appointment import Appointment, AppointmentKind

_COLUMNS: Final = (
    "id, kind, function_id, key, due_ms, since_ms, event_id, count, size, parent_run_id, parent_step_id, "
    "start_key"
)
_FIND: Final = f"SELECT {_COLUMNS} FROM appointment WHERE kind = ? AND function_id = ? AND key = ?"  # noqa: S608
_SAVE: Final = f"""
INSERT INTO appointment ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, function_id, key) DO UPDATE SET id = excluded.id, due_ms = excluded.due_ms,
    since_ms = excluded.since_ms, event_id = excluded.event_id, count = excluded.count, size = excluded.size,
    parent_run_id = excluded.parent_run_id, parent_step_id = excluded.parent_step_id,
    start_key = excluded.start_key
"""  # noqa: S608 - column names only
_NEXT: Final = f"SELECT {_COLUMNS} FROM appointment WHERE due_ms <= ? ORDER BY due_ms, id LIMIT 1"  # noqa: S608
_NEXT_DUE: Final = "SELECT min(due_ms) FROM appointment"
_OF_KIND: Final = f"SELECT {_COLUMNS} FROM appointment WHERE kind = ? ORDER BY function_id, key"  # noqa: S608
_OF_FUNCTION: Final = f"SELECT {_COLUMNS} FROM appointment WHERE kind = ? AND function_id = ?"  # noqa: S608
_CLOSE: Final = "DELETE FROM appointment WHERE id = ?"
_ADD_EVENT: Final = "INSERT INTO appointment_event (appointment_id, position, event_id) VALUES (?, ?, ?)"
_EVENTS: Final = "SELECT event_id FROM appointment_event WHERE appointment_id = ? ORDER BY position"
_CLOSE_EVENTS: Final = "DELETE FROM appointment_event WHERE appointment_id = ?"


class AppointmentTable:
    """What is to come at a time and belongs to no run yet."""

    def __init__(self, connection: sqlite3.Connection, *, remembers: bool = False) -> None:
        self._connection = connection
        self._remembers = remembers
        self._next_due: tuple[int | None] | None = None
        """When the next one is due, if that is known."""

    def forget(self) -> None:
        """Read everything anew: something was undone."""
        self._next_due = None

    def find(self, kind: AppointmentKind, function_id: str, key: str) -> Appointment | None:
        """Return the one appointment of a function for a key."""
        row = self._connection.execute(_FIND, (kind.value, function_id, key)).fetchone()
        return None if row is None else _read(row)

    def save(self, appointment: Appointment) -> None:
        """Make an appointment, or move the one there is."""
        self._next_due = None
        entry = appointment
        parent_run_id, parent_step_id = entry.parent or (None, None)
        row = (
            entry.id,
            entry.kind.value,
            entry.function_id,
            entry.key,
            entry.due_ms,
            entry.since_ms,
            entry.event_id,
            entry.count,
            entry.size,
            parent_run_id,
            parent_step_id,
            entry.start_key,
        )
        self._connection.execute(_SAVE, row)

    def add_event(self, appointment: Appointment, event_id: str) -> None:
        """Make an event part of a batch, as the last of `appointment.count`."""
        self._connection.execute(_ADD_EVENT, (appointment.id, appointment.count, event_id))

    def events(self, appointment: Appointment) -> list[str]:
        """Return the ids of the events of a batch, in the order in which they came."""
        return [row[0] for row in self._connection.execute(_EVENTS, (appointment.id,))]

    def next_due(self, *, now_ms: int) -> Appointment | None:
        """Return the first appointment that is due."""
        due_ms = self.next_due_ms()
        if due_ms is None or due_ms > now_ms:
            return None
        row = self._connection.execute(_NEXT, (now_ms,)).fetchone()
        return None if row is None else _read(row)

    def next_due_ms(self) -> int | None:
        """Return when the next appointment is due."""
        if self._next_due is not None:
            return self._next_due[0]
        due: int | None = self._connection.execute(_NEXT_DUE).fetchone()[0]
        if self._remembers:
            self._next_due = (due,)
        return due

    def of_kind(self, kind: AppointmentKind, function_id: str | None = None) -> list[Appointment]:
        """Return all appointments of a kind, or those of one function."""
        if function_id is None:
            return [_read(row) for row in self._connection.execute(_OF_KIND, (kind.value,))]
        return [_read(row) for row in self._connection.execute(_OF_FUNCTION, (kind.value, function_id))]

    def close(self, appointment: Appointment) -> None:
        """The appointment is over, or is not kept."""
        self._next_due = None
        self._connection.execute(_CLOSE, (appointment.id,))
        self._connection.execute(_CLOSE_EVENTS, (appointment.id,))


def _read(row: sqlite3.Row) -> Appointment:
    values = dict(row)
    parent = (values.pop("parent_run_id"), values.pop("parent_step_id"))
    values["kind"] = AppointmentKind(values["kind"])
    return Appointment(parent=None if parent[0] is None else parent, **values)
