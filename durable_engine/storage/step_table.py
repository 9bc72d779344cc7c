"""Table `step`."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from sys import getsizeof
from typing import Final

from durable_engine.model.op import StepRef
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.step import Step
from durable_engine.storage.recent import Recent

_COLUMNS: Final = (
    "id, name, repeat, is_race, kind, status, queued_ms, started_ms, ended_ms, attempts, group_id, memo, "
    "error, input, detail, due_ms, has_timed_out, position"
)
# The first result of a step wins: a row that has ended is never changed again.
_SAVE: Final = """
INSERT INTO step (run_id, id, name, repeat, is_race, kind, status, queued_ms, started_ms, ended_ms, attempts,
    group_id, memo, error, input, detail, due_ms, has_timed_out, position)
VALUES (:run_id, :id, :name, :repeat, :is_race, :kind, :status, :queued_ms, :started_ms, :ended_ms, :attempts,
    :group_id, :memo, :error, :input, :detail, :due_ms, :has_timed_out,
    CASE WHEN :memo IS NULL THEN NULL
         ELSE (SELECT coalesce(max(position), 0) + 1 FROM step WHERE run_id = :run_id) END)
ON CONFLICT (run_id, id) DO UPDATE SET
    kind = excluded.kind, status = excluded.status, started_ms = excluded.started_ms,
    ended_ms = excluded.ended_ms, attempts = excluded.attempts, group_id = excluded.group_id,
    memo = excluded.memo, error = excluded.error, input = excluded.input, detail = excluded.detail,
    due_ms = excluded.due_ms, has_timed_out = excluded.has_timed_out, position = excluded.position
WHERE step.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
"""
_ALL: Final = f"SELECT {_COLUMNS} FROM step WHERE run_id = ? ORDER BY seq"  # noqa: S608 - columns only
_OPEN: Final = f"""
SELECT {_COLUMNS} FROM step WHERE run_id = ? AND status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
ORDER BY seq
"""  # noqa: S608
_SOME: Final = f"SELECT {_COLUMNS} FROM step WHERE run_id = ? AND id IN (%s)"  # noqa: S608
_NAME: Final = "SELECT name FROM step WHERE run_id = ? AND id = ?"
_OPEN_IN_GROUP: Final = """
SELECT id FROM step WHERE run_id = ? AND group_id = ? AND status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
"""
_ENDED: Final = "SELECT coalesce(max(position), 0) FROM step WHERE run_id = ?"
_MEMOS: Final = "SELECT id, memo FROM step WHERE run_id = ? AND position IS NOT NULL ORDER BY position"
_MEMOS_BESIDES: Final = """
SELECT id, memo FROM step WHERE run_id = ? AND position IS NOT NULL AND group_id IS NOT ? ORDER BY position
"""
# Steps that run the app's code have a detail only where arguments were given to them.
_GIVEN: Final = """
SELECT id, detail FROM step WHERE run_id = ? AND kind IN ('RUN', 'AI', 'SEND_EVENT') AND detail IS NOT NULL
    AND position IS NULL AND status != 'CANCELLED'
"""
_MEMO_IDS: Final = "SELECT id FROM step WHERE run_id = ? AND position IS NOT NULL ORDER BY position"
_CALLING: Final = """
UPDATE step SET status = 'RUNNING', started_ms = coalesce(started_ms, ?), due_ms = NULL
WHERE run_id = ? AND id = ? AND status IN ('QUEUED', 'WAITING', 'RUNNING')
"""
_ABANDON: Final = """
UPDATE step SET status = 'CANCELLED', ended_ms = ?, due_ms = NULL,
    detail = CASE WHEN kind IN ('FETCH', 'AI_GATEWAY') THEN NULL ELSE detail END
WHERE run_id = ? AND status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
"""
# The newest entry of a name comes last.
_SEEN: Final = """
SELECT step.name, step.kind
FROM (SELECT id, received_ms FROM run WHERE function_id = ? AND status = ?
    ORDER BY received_ms DESC LIMIT 100) AS new
CROSS JOIN step ON step.run_id = new.id ORDER BY new.received_ms, step.seq
"""
_CHUNK: Final = 500  # below SQLite's limit of bound values
_MOST_KEPT_BYTES: Final = 8 * 1024 * 1024


class StepTable:
    """Steps and their memos."""

    def __init__(self, connection: sqlite3.Connection, *, remembers: bool = False) -> None:
        self._connection = connection
        # Each call of a run carries the memos of the call before it, and a few more.
        self._kept = Recent[dict[str, str]](most_bytes=_MOST_KEPT_BYTES if remembers else 0)

    def forget(self) -> None:
        """Read everything anew: something was undone."""
        self._kept.clear()

    def save(self, run_id: str, step: Step) -> bool:
        """Insert or update a step; False for one that has ended, which stays as it is."""
        cursor = self._connection.execute(
            _SAVE,
            {
                "run_id": run_id,
                "id": step.ref.id,
                "name": step.ref.name,
                "repeat": step.ref.index,
                "is_race": step.ref.is_race,
                "kind": step.kind.value,
                "status": step.status.value,
                "queued_ms": step.queued_ms,
                "started_ms": step.started_ms,
                "ended_ms": step.ended_ms,
                "attempts": step.attempts,
                "group_id": step.group_id,
                "memo": step.memo,
                "error": step.error,
                "input": step.input,
                "detail": step.detail,
                "due_ms": step.due_ms,
                "has_timed_out": step.has_timed_out,
            },
        )
        is_new = cursor.rowcount == 1
        if is_new and step.memo is not None:
            kept = self._kept.get(run_id)
            if kept is not None:
                kept[step.ref.id] = step.memo
                self._kept.grow(run_id, by=_size(step.ref.id, step.memo))
        return is_new

    def all(self, run_id: str) -> list[Step]:
        """Return the steps of a run in the order they were first reported."""
        return [_read(row) for row in self._connection.execute(_ALL, (run_id,))]

    def open(self, run_id: str) -> list[Step]:
        """Return those that have not ended."""
        return [_read(row) for row in self._connection.execute(_OPEN, (run_id,))]

    def some(self, run_id: str, step_ids: Collection[str]) -> dict[str, Step]:
        """Return those of the named steps that exist, by id."""
        wanted = list(dict.fromkeys(step_ids))
        found: dict[str, Step] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            query = _SOME % ",".join("?" * len(chunk))
            for row in self._connection.execute(query, (run_id, *chunk)):
                found[row["id"]] = _read(row)
        return found

    def get(self, run_id: str, step_id: str) -> Step | None:
        """Return one step."""
        return self.some(run_id, [step_id]).get(step_id)

    def name(self, run_id: str, step_id: str) -> str | None:
        """Return the name of a step, if there is one."""
        row = self._connection.execute(_NAME, (run_id, step_id)).fetchone()
        return None if row is None else str(row[0])

    def seen(self, function_id: str) -> dict[str, StepKind]:
        """Return the names and kinds of the steps in the newest runs of a function, of each status."""
        rows = (self._connection.execute(_SEEN, (function_id, status.value)) for status in RunStatus)
        return {row[0]: StepKind(row[1]) for found in rows for row in found}

    def open_in_group(self, run_id: str, group_id: int | None) -> frozenset[str]:
        """Return the ids of the group's steps that have not ended; none for no group."""
        if group_id is None:
            return frozenset()
        rows = self._connection.execute(_OPEN_IN_GROUP, (run_id, group_id))
        return frozenset(row[0] for row in rows)

    def ended(self, run_id: str) -> int:
        """Return how many steps of a run have a memo."""
        return int(self._connection.execute(_ENDED, (run_id,)).fetchone()[0])

    def memos(self, run_id: str, *, without_group: int | None = None) -> dict[str, str]:
        """Return the memos (JSON text) by step id, in the order in which the steps ended.

        `without_group` leaves out the steps that were planned together in that group.
        """
        if without_group is not None:
            return dict(self._connection.execute(_MEMOS_BESIDES, (run_id, without_group)).fetchall())
        kept = self._kept.get(run_id)
        if kept is not None:
            return dict(kept)  # a copy: the call is made while other answers are stored
        memos: dict[str, str] = dict(self._connection.execute(_MEMOS, (run_id,)).fetchall())
        self._kept.put(run_id, dict(memos), size=sum(_size(*memo) for memo in memos.items()))
        return memos

    def memo_ids(self, run_id: str) -> list[str]:
        """Return the ids of the steps that have ended, in the order in which they did."""
        return [row[0] for row in self._connection.execute(_MEMO_IDS, (run_id,))]

    def given(self, run_id: str) -> dict[str, str]:
        """Return the arguments (JSON text) that steps get instead of their own, by step id (reruns)."""
        return dict(self._connection.execute(_GIVEN, (run_id,)).fetchall())

    def mark_calling(self, run_id: str, step_id: str, *, now_ms: int) -> None:
        """The call that runs this step is being made."""
        self._connection.execute(_CALLING, (now_ms, run_id, step_id))

    def abandon_open(self, run_id: str, *, now_ms: int) -> None:
        """Cancel what has not ended: its run has."""
        self._kept.drop(run_id)
        self._connection.execute(_ABANDON, (now_ms, run_id))


def _size(step_id: str, memo: str) -> int:
    return getsizeof(step_id) + getsizeof(memo)


def _read(row: sqlite3.Row) -> Step:
    values = dict(row)
    ref = StepRef(
        id=values.pop("id"),
        name=values.pop("name"),
        index=values.pop("repeat"),
        is_race=bool(values.pop("is_race")),
    )
    values["kind"] = StepKind(values["kind"])
    values["status"] = StepStatus(values["status"])
    values["has_timed_out"] = bool(values["has_timed_out"])
    return Step(ref=ref, **values)
