"""Tables `run`, `run_event` and `start_key`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from durable_engine.errors import RunAlreadyEndedError, RunNotFoundError
from durable_engine.ids import is_ulid
from durable_engine.model.changes import RunEnd, RunMode
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus
from durable_engine.storage.recent import Recent
from durable_engine.storage.retention_table import RetentionTable, pruned_run

_COLUMNS: Final = (
    "id, function_id, event_id, status, queued_ms, started_ms, ended_ms, output, error, "
    "execution_version, plans_only, parent_run_id, parent_step_id, original_run_id, state_bytes, "
    "lane_id, rank_ms, singleton_key, event_count, timeline_id, offset_ms, skipped_ms"
)
_INSERT: Final = f"""
INSERT INTO run ({_COLUMNS}, event_name) VALUES (:id, :function_id, :event_id, :status, :queued_ms,
    :started_ms, :ended_ms, :output, :error, :execution_version, :plans_only, :parent_run_id, :parent_step_id,
    :original_run_id, :state_bytes, :lane_id, :rank_ms, :singleton_key, :event_count,
    :timeline_id, :offset_ms, :skipped_ms, (SELECT name FROM event WHERE event.id = :event_id))
"""  # noqa: S608 - column names only
_GET: Final = f"SELECT {_COLUMNS} FROM run WHERE id = ?"  # noqa: S608
_GET_LEAN: Final = _GET.replace("output, error", "NULL AS output, NULL AS error")
_OF_EVENT: Final = f"""
SELECT {_COLUMNS} FROM run WHERE event_id = :event_id
    OR id IN (SELECT run_id FROM run_event WHERE event_id = :event_id) ORDER BY rowid
"""  # noqa: S608
_ADD_EVENT: Final = "INSERT INTO run_event (run_id, position, event_id) VALUES (?, ?, ?)"
_EVENTS: Final = "SELECT event_id FROM run_event WHERE run_id = ? ORDER BY position"
_SINGLE: Final = """
SELECT id FROM run WHERE function_id = ? AND singleton_key = ? AND status IN ('QUEUED', 'RUNNING')
"""
_RECENT_IDS: Final = "SELECT id FROM run ORDER BY rowid DESC LIMIT ?"
_CHILDREN: Final = "SELECT id FROM run WHERE parent_run_id = ? ORDER BY rowid"
# The lane of starts is behind it; what follows waits in the lane of work, where that is another one.
_START: Final = """
UPDATE run SET status = 'RUNNING', started_ms = ?,
    lane_id = (SELECT coalesce(work_lane_id, id) FROM lane WHERE lane.id = run.lane_id)
WHERE id = ? AND status = 'QUEUED' RETURNING lane_id
"""
_END: Final = """
UPDATE run SET status = ?, ended_ms = ?, output = ?, error = ?,
    ended_order = (SELECT coalesce(max(ended_order), 0) + 1 FROM run WHERE ended_order IS NOT NULL)
WHERE id = ? AND (status = 'RUNNING' OR (status = 'QUEUED' AND ? = 'CANCELLED'))
"""
_STALLED: Final = f"""
SELECT {_COLUMNS} FROM run WHERE id = ? AND status IN ('QUEUED', 'RUNNING')
    AND NOT EXISTS (SELECT 1 FROM queue_item WHERE run_id = run.id AND kind != 'deadline')
    AND NOT EXISTS (SELECT 1 FROM pause WHERE run_id = run.id)
"""  # noqa: S608
_OPEN_IDS: Final = "SELECT id FROM run WHERE status IN ('QUEUED', 'RUNNING')"
_OPEN_OF_FUNCTION: Final = f"{_OPEN_IDS} AND function_id = ? ORDER BY id"
_PLACE: Final = "UPDATE run SET lane_id = ? WHERE id = ?"
_MODE: Final = "UPDATE run SET execution_version = ?, plans_only = ? WHERE id = ?"
_GROW: Final = "UPDATE run SET state_bytes = state_bytes + ? WHERE id = ? RETURNING state_bytes"
_KEY: Final = "SELECT run_id FROM start_key WHERE function_id = ? AND key = ? AND expires_ms > ?"
_SAVE_KEY: Final = (
    "INSERT OR REPLACE INTO start_key (function_id, key, run_id, expires_ms) VALUES (?, ?, ?, ?)"
)
_MOST_KEPT_BYTES: Final = 3 * 1024 * 1024
_RUN_BYTES: Final = 512
"""What a run that has not ended takes in memory, about."""


class RunTable:
    """Runs. Status changes are guarded by the status they start from."""

    def __init__(self, connection: sqlite3.Connection, *, remembers: bool = False) -> None:
        self._connection = connection
        # Those that have not ended: each call of a run asks for it several times.
        self._kept = Recent[Run](most_bytes=_MOST_KEPT_BYTES if remembers else 0)

    def forget(self) -> None:
        """Read everything anew: something was undone, or changed by other tables."""
        self._kept.clear()

    def insert(self, run: Run) -> None:
        """Store a new run."""
        self._connection.execute(
            _INSERT,
            {
                "id": run.id,
                "function_id": run.function_id,
                "event_id": run.event_id,
                "status": run.status.value,
                "queued_ms": run.queued_ms,
                "started_ms": run.started_ms,
                "ended_ms": run.ended_ms,
                "output": run.output,
                "error": run.error,
                "execution_version": run.execution_version,
                "plans_only": run.plans_only,
                "parent_run_id": run.parent_run_id,
                "parent_step_id": run.parent_step_id,
                "original_run_id": run.original_run_id,
                "state_bytes": run.state_bytes,
                "lane_id": run.lane_id,
                "rank_ms": run.rank_ms,
                "singleton_key": run.singleton_key,
                "event_count": run.event_count,
                "timeline_id": run.timeline_id,
                "offset_ms": run.offset_ms,
                "skipped_ms": run.skipped_ms,
            },
        )

    def get(self, run_id: str) -> Run | None:
        """Return a run."""
        return self._kept.get(run_id) or self._fetch(_GET, run_id)

    def _fetch(self, statement: str, run_id: str) -> Run | None:
        row = self._connection.execute(statement, (run_id,)).fetchone()
        run = None if row is None else _read(row)
        if run is not None and not run.status.is_terminal:  # has neither output nor error
            self._kept.put(run_id, run, size=_RUN_BYTES)
        return run

    def _changed(self, run_id: str, **to: Any) -> None:
        """Let what is kept of a run be as it is stored now."""
        kept = self._kept.get(run_id)
        if kept is not None:
            self._kept.put(run_id, replace(kept, **to), size=_RUN_BYTES)

    def add_events(self, run_id: str, event_ids: Sequence[str]) -> None:
        """Store the events of a run that is for several."""
        rows = [(run_id, position, event_id) for position, event_id in enumerate(event_ids)]
        self._connection.executemany(_ADD_EVENT, rows)

    def event_ids(self, run: Run) -> list[str]:
        """Return the ids of all events of a run, in the order in which they came."""
        if run.event_count == 1:
            return [run.event_id]
        return [row[0] for row in self._connection.execute(_EVENTS, (run.id,))]

    def open_single(self, function_id: str, key: str) -> list[str]:
        """Return the ids of the runs of a singleton that have not ended: one, and what repeats one."""
        return [row[0] for row in self._connection.execute(_SINGLE, (function_id, key))]

    def find(self, text: str) -> Run | None:
        """Return the run with an id that a caller gave, which may be any text."""
        return self.get(text) if is_ulid(text) else None

    def known(self, text: str) -> Run:
        """Return the run with an id that a caller gave.

        Raises:
            RunNotFoundError: there is none.
        """
        run = self.find(text)
        if run is None:
            raise self.missing(text)
        return run

    def missing(self, text: str, *, nearest: Sequence[str] = (), hint: str = "") -> RunNotFoundError:
        """Return the error that says that there is no such run, or that it was pruned."""
        retention = RetentionTable(self._connection)
        if retention.pruned_run_ms(text) is not None:
            return pruned_run(text, retention.past())
        hint = hint or "list_runs finds runs."
        return RunNotFoundError(f"No run {text[:100]!r}.", nearest=nearest, hint=hint)

    def known_open(self, text: str) -> Run:
        """Return the run with an id that a caller gave, which has not ended.

        Raises:
            RunNotFoundError: there is none.
            RunAlreadyEndedError: it has ended before.
        """
        run = self.known(text)
        if run.status.is_terminal:
            raise RunAlreadyEndedError(f"Run {run.id} has ended before: it is {run.status}.")
        return run

    def get_lean(self, run_id: str) -> Run | None:
        """Return a run without its output and error, which may be large."""
        return self._kept.get(run_id) or self._fetch(_GET_LEAN, run_id)

    def stalled(self, run_id: str) -> Run | None:
        """Return the run if it has not ended and has neither work nor waits."""
        row = self._connection.execute(_STALLED, (run_id,)).fetchone()
        return None if row is None else _read(row)

    def open_ids(self) -> list[str]:
        """Return the ids of all runs that have not ended."""
        return [row[0] for row in self._connection.execute(_OPEN_IDS)]

    def open_of_function(self, function_id: str) -> list[str]:
        """Return the ids of a function's runs that have not ended, oldest first."""
        return [row[0] for row in self._connection.execute(_OPEN_OF_FUNCTION, (function_id,))]

    def of_event(self, event_id: str) -> list[Run]:
        """Return the runs that an event started, oldest first."""
        return [_read(row) for row in self._connection.execute(_OF_EVENT, {"event_id": event_id})]

    def recent_ids(self, limit: int) -> list[str]:
        """Return the ids of the newest runs, newest first."""
        return [row[0] for row in self._connection.execute(_RECENT_IDS, (limit,))]

    def children(self, run_id: str) -> list[str]:
        """Return the ids of the runs that a run invoked."""
        return [row[0] for row in self._connection.execute(_CHILDREN, (run_id,))]

    def start(self, run_id: str, *, now_ms: int) -> bool:
        """QUEUED → RUNNING; False when the run was started before."""
        row = self._connection.execute(_START, (now_ms, run_id)).fetchone()
        if row is None:
            return False
        self._changed(run_id, status=RunStatus.RUNNING, started_ms=now_ms, lane_id=row[0])
        return True

    def place(self, run_id: str, lane_id: int | None) -> None:
        """Let the calls of a run wait in another lane, or in none, from now on."""
        self._connection.execute(_PLACE, (lane_id, run_id))
        self._changed(run_id, lane_id=lane_id)

    def end(self, end: RunEnd) -> bool:
        """Move a run to its terminal status; False when it has ended before."""
        status = end.status.value
        values = (status, end.ended_ms, end.output, end.error, end.run.id, status)
        self._kept.drop(end.run.id)
        return self._connection.execute(_END, values).rowcount == 1

    def set_mode(self, mode: RunMode) -> None:
        """Record how the run's next calls are made."""
        self._connection.execute(_MODE, (mode.execution_version, mode.plans_only, mode.run_id))
        self._changed(mode.run_id, execution_version=mode.execution_version, plans_only=mode.plans_only)

    def grow_state(self, run_id: str, by: int) -> int:
        """Count `by` bytes of memos more; returns the size of all."""
        size = int(self._connection.execute(_GROW, (by, run_id)).fetchone()[0])
        self._changed(run_id, state_bytes=size)
        return size

    def started_by_key(self, function_id: str, key: str, *, now_ms: int) -> str | None:
        """Return the id of the run that an idempotency key started and still guards."""
        row = self._connection.execute(_KEY, (function_id, key, now_ms)).fetchone()
        return None if row is None else str(row[0])

    def save_key(self, function_id: str, key: str, run_id: str, expires_ms: int) -> None:
        """Remember that `key` started `run_id` until `expires_ms`."""
        self._connection.execute(_SAVE_KEY, (function_id, key, run_id, expires_ms))


def _read(row: sqlite3.Row) -> Run:
    values = dict(row)
    values["status"] = RunStatus(values["status"])
    values["plans_only"] = bool(values["plans_only"])
    return Run(**values)
