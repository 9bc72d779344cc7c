"""Table `queue_item`.

Decisions count due times in the time of their run; the column has the engine's.

A lease has no expiry: the data file is held by one process, so only that process can hold a lease, and
opening the file frees whatever a process that died had taken.
"""

from __future__ import annotations

import sqlite3
from operator import itemgetter
from typing import Final

from durable_engine.model.changes import ItemRetry
from durable_engine.model.queue_item import ItemKind, NewItem, QueueItem

_COLUMNS: Final = "id, run_id, kind, due_ms, step_id, attempt, lease, lane_id, ready_ms, is_leased"
# Runs that were queued in the same millisecond go in the order in which they were stored.
_RANK: Final = "run.rank_ms * 1048576 + run.rowid % 1048576"
_INSERT: Final = f"""
INSERT INTO queue_item (run_id, kind, step_id, due_ms, attempt, lane_id, rank)
SELECT id, :kind, :step_id, :due_ms - offset_ms, :attempt, CASE WHEN :is_call THEN lane_id END, {_RANK}
FROM run WHERE id = :run_id
ON CONFLICT DO NOTHING
"""  # noqa: S608 - parts of statements only
# A discovery that is due and not yet taken sees everything that a second one would see.
_INSERT_DISCOVERY: Final = _INSERT.replace(
    "ON CONFLICT DO NOTHING",
    """AND NOT EXISTS (
    SELECT 1 FROM queue_item
    WHERE run_id = :run_id AND kind = 'discover' AND is_leased = 0 AND attempt = 0
        AND due_ms <= :due_ms - run.offset_ms)""",
)
_LINE_UP: Final = """
UPDATE queue_item SET ready_ms = due_ms
WHERE is_leased = 0 AND ready_ms IS NULL AND lane_id IS NOT NULL AND due_ms <= ? RETURNING lane_id, due_ms
"""
_HEAD: Final = """
SELECT id FROM queue_item WHERE lane_id = ? AND ready_ms IS NOT NULL AND is_leased = 0
ORDER BY rank, id LIMIT 1
"""
# Each taking gets a new number, so that an old holder can be told apart.
_LEASE: Final = f"""
UPDATE queue_item SET is_leased = 1, lease = lease + 1
WHERE id IN (
    SELECT id FROM queue_item WHERE is_leased = 0 AND ready_ms IS NULL AND due_ms <= ? AND lane_id IS NULL
    ORDER BY due_ms, id LIMIT ?)
RETURNING {_COLUMNS}
"""  # noqa: S608
# What waited for a slot has no lane.
_LEASE_ONE: Final = f"""
UPDATE queue_item SET is_leased = 1, lease = lease + 1,
    ready_ms = CASE WHEN lane_id > 0 THEN ready_ms END, lane_id = CASE WHEN lane_id > 0 THEN lane_id END
WHERE id = ? RETURNING {_COLUMNS}
"""  # noqa: S608
_AHEAD: Final = """
SELECT count(*) FROM (
    SELECT 1 FROM queue_item WHERE lane_id = :lane_id AND ready_ms IS NOT NULL AND is_leased = 0
        AND (rank, id) < (SELECT rank, id FROM queue_item WHERE id = :item_id) LIMIT :most)
"""
_HOLD: Final = "UPDATE queue_item SET is_leased = 0, lane_id = NULL, ready_ms = ? WHERE id = ?"
_HELD_OF: Final = f"""
SELECT {_COLUMNS} FROM queue_item
WHERE run_id = ? AND lane_id IS NULL AND ready_ms IS NOT NULL AND is_leased = 0
"""  # noqa: S608
# What was put aside, being of a paused function, stays aside.
_MOVE: Final = f"""
UPDATE queue_item SET lane_id = :lane_id, ready_ms = CASE WHEN :lane_id IS NOT NULL THEN ready_ms END,
    rank = (SELECT {_RANK} FROM run WHERE run.id = queue_item.run_id)
WHERE run_id = :run_id AND kind IN ('discover', 'step') AND is_leased = 0
    AND (lane_id IS NOT NULL OR ready_ms IS NULL) RETURNING ready_ms
"""  # noqa: S608 - parts of statements only
# It is due anew: what held it before is told already.
_LET_GO: Final = """
UPDATE queue_item SET ready_ms = NULL, due_ms = max(due_ms, ?),
    lane_id = (SELECT run.lane_id FROM run WHERE run.id = queue_item.run_id)
WHERE id = ?
"""
_LET_ALL_GO: Final = """
UPDATE queue_item SET ready_ms = NULL,
    lane_id = (SELECT run.lane_id FROM run WHERE run.id = queue_item.run_id)
WHERE lane_id IS NULL AND ready_ms IS NOT NULL AND is_leased = 0 AND EXISTS (
    SELECT 1 FROM run JOIN function ON function.id = run.function_id
    WHERE run.id = queue_item.run_id AND function.paused_ms IS NULL)
"""
_NEXT_DUE: Final = "SELECT min(due_ms) FROM queue_item WHERE is_leased = 0 AND ready_ms IS NULL"
_DONE: Final = "DELETE FROM queue_item WHERE id = ? AND lease = ? AND is_leased = 1"
_HELD: Final = f"SELECT {_COLUMNS} FROM queue_item WHERE id = ? AND lease = ? AND is_leased = 1"  # noqa: S608
_TAKE_SILENT: Final = f"""
UPDATE queue_item SET is_leased = 1, lease = lease + 1
WHERE run_id = ? AND kind = 'discover' AND attempt = 0 AND is_leased = 0 AND due_ms > ?
RETURNING {_COLUMNS}
"""  # noqa: S608
_FIRST_ATTEMPT: Final = "UPDATE queue_item SET attempt = 0 WHERE id = ? AND attempt != 0"
_CLOSE_DEADLINE: Final = "DELETE FROM queue_item WHERE run_id = ? AND kind = 'deadline'"
# The run has started by now: its first call went through the lane of starts, another one does not. And a sync
# may have placed the run anew since the call was taken.
_AGAIN: Final = """is_leased = 0, ready_ms = NULL, double_id = NULL,
    lane_id = CASE WHEN kind IN ('discover', 'step')
        THEN (SELECT run.lane_id FROM run WHERE run.id = queue_item.run_id) END"""
_RETRY: Final = f"""
UPDATE queue_item SET due_ms = ? - (SELECT run.offset_ms FROM run WHERE run.id = queue_item.run_id),
    attempt = ?, {_AGAIN}
WHERE id = ?
"""  # noqa: S608
_RELEASE_ALL: Final = f"UPDATE queue_item SET {_AGAIN} WHERE is_leased = 1"  # noqa: S608 - parts only
# With all slots free nobody waits for one: all that is due goes in due order again.
_NO_LINES: Final = """
UPDATE queue_item SET lane_id = NULL, ready_ms = NULL
WHERE is_leased = 0 AND ready_ms IS NOT NULL AND lane_id < 0
"""
_CLOSE_WAIT: Final = "DELETE FROM queue_item WHERE run_id = ? AND step_id = ? AND kind = 'timer'"
_CLOSE_RUN: Final = "DELETE FROM queue_item WHERE run_id = ?"
_IS_CALLED: Final = """
SELECT 1 FROM queue_item WHERE run_id = ? AND is_leased = 1 AND kind IN ('discover', 'step') LIMIT 1
"""
_IS_OVERDUE: Final = "SELECT 1 FROM queue_item WHERE run_id = ? AND kind = 'deadline' AND due_ms <= ?"
# A deadline moves nothing forward: it is no work of the run.
_AROUND: Final = """
SELECT count(*) FROM step WHERE run_id = :run_id
UNION ALL SELECT step_id FROM queue_item WHERE run_id = :run_id AND id != :item_id AND kind != 'deadline'
UNION ALL SELECT step_id FROM pause WHERE run_id = :run_id
"""
_BESIDES: Final = """
SELECT 1 FROM queue_item WHERE run_id = ? AND step_id IS NOT ? AND kind != 'deadline' LIMIT 1
"""
_OF_RUN: Final = f"SELECT {_COLUMNS} FROM queue_item WHERE run_id = ? ORDER BY due_ms, id"  # noqa: S608
_CALLED_RUNS: Final = """
SELECT DISTINCT run_id FROM queue_item WHERE is_leased = 1 AND kind IN ('discover', 'step') LIMIT ?
"""
_FAR: Final = 1_000


class QueueTable:
    """Work with a due time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def insert(self, item: NewItem) -> None:
        """Enqueue; a second item of the same kind for the same step is dropped."""
        named = {
            "run_id": item.run_id,
            "kind": item.kind.value,
            "step_id": item.step_id,
            "due_ms": item.due_ms,
            "attempt": item.attempt,
            "is_call": item.kind.is_call,
        }
        statement = _INSERT_DISCOVERY if item.kind is ItemKind.DISCOVER else _INSERT
        self._connection.execute(statement, named)

    def lease_due(self, *, now_ms: int, limit: int) -> list[QueueItem]:
        """Take up to `limit` items that are due and wait for no turn, in due order."""
        rows = self._connection.execute(_LEASE, (now_ms, limit)).fetchall()
        return sorted(map(_read, rows), key=lambda item: (item.due_ms, item.id))

    def line_up(self, *, now_ms: int) -> list[int]:
        """Let everything that is due join the line of its lane; returns the lanes, the oldest due first."""
        rows = self._connection.execute(_LINE_UP, (now_ms,)).fetchall()
        return list(dict.fromkeys(row[0] for row in sorted(rows, key=itemgetter(1, 0))))

    def lease(self, item_id: int, *, share: int) -> QueueItem:
        """Take one item, which keeps a slot of this share."""
        return _read(self._connection.execute(_LEASE_ONE, (item_id,)).fetchone(), share=share)

    def head(self, lane_id: int) -> int | None:
        """Return the id of the first item in line."""
        row = self._connection.execute(_HEAD, (lane_id,)).fetchone()
        return None if row is None else int(row[0])

    def ahead_of(self, item: QueueItem) -> int:
        """Return how many items stand in line before this one, counted up to 1,000."""
        named = {"lane_id": item.lane_id, "item_id": item.id, "most": _FAR}
        return int(self._connection.execute(_AHEAD, named).fetchone()[0])

    def hold(self, item: QueueItem, *, now_ms: int) -> None:
        """Put an item of a paused function aside."""
        self._connection.execute(_HOLD, (now_ms, item.id))

    def let_go(self, run_id: str, *, now_ms: int) -> list[QueueItem]:
        """Make what was put aside due again; returns it as it was."""
        held = [_read(row) for row in self._connection.execute(_HELD_OF, (run_id,))]
        for item in held:
            self._connection.execute(_LET_GO, (now_ms, item.id))
        return held

    def move(self, run_id: str, lane_id: int | None) -> bool:
        """Let the calls of a run wait in another lane, or in none; True when one stands in its line now."""
        moved = self._connection.execute(_MOVE, {"run_id": run_id, "lane_id": lane_id}).fetchall()
        return any(row[0] is not None for row in moved)

    def let_all_go(self) -> None:
        """Make everything due again that was put aside, and whose function is not paused any more."""
        self._connection.execute(_LET_ALL_GO)

    def take_silent(self, run_id: str, *, now_ms: int) -> QueueItem | None:
        """Take the call that would be made if the run's endpoint went silent, which is not due yet."""
        row = self._connection.execute(_TAKE_SILENT, (run_id, now_ms)).fetchone()
        return None if row is None else _read(row)

    def next_due_ms(self) -> int | None:
        """Return when the next free item is due."""
        due: int | None = self._connection.execute(_NEXT_DUE).fetchone()[0]
        return due

    def held(self, item_id: int, lease: int) -> QueueItem | None:
        """Return the item as it is now, if this taking of it is still valid."""
        row = self._connection.execute(_HELD, (item_id, lease)).fetchone()
        return None if row is None else _read(row)

    def start_attempts_anew(self, item: QueueItem) -> None:
        """Forget the failed attempts of an item: it has made progress."""
        self._connection.execute(_FIRST_ATTEMPT, (item.id,))

    def done(self, item: QueueItem) -> None:
        """Remove an item whose work is committed; one that was put back for a retry stays."""
        self._connection.execute(_DONE, (item.id, item.lease))

    def retry(self, retry: ItemRetry) -> None:
        """Give an item back for its next attempt."""
        self._connection.execute(_RETRY, (retry.due_ms, retry.attempt, retry.item_id))

    def release_all(self) -> int:
        """Free everything taken; returns how many items were."""
        self._connection.execute(_NO_LINES)
        return self._connection.execute(_RELEASE_ALL).rowcount

    def close_wait(self, run_id: str, step_id: str) -> None:
        """Drop the timer of a wait that is over."""
        self._connection.execute(_CLOSE_WAIT, (run_id, step_id))

    def is_called(self, run_id: str) -> bool:
        """Whether a call of the run is open."""
        return self._connection.execute(_IS_CALLED, (run_id,)).fetchone() is not None

    def called_runs(self, *, limit: int) -> list[str]:
        """Return the ids of a few runs with open calls. It looks at all work: nothing for every step."""
        return [row[0] for row in self._connection.execute(_CALLED_RUNS, (limit,))]

    def is_overdue(self, run_id: str, *, now_ms: int) -> bool:
        """Whether the deadline of the run has passed."""
        return self._connection.execute(_IS_OVERDUE, (run_id, now_ms)).fetchone() is not None

    def close_deadline(self, run_id: str) -> None:
        """Drop the deadline of a run."""
        self._connection.execute(_CLOSE_DEADLINE, (run_id,))

    def close_run(self, run_id: str) -> None:
        """Drop all work of a run that has ended; a call in flight can then commit nothing."""
        self._connection.execute(_CLOSE_RUN, (run_id,))

    def has_besides(self, run_id: str, step_id: str) -> bool:
        """Whether the run has other work than that of this step."""
        return self._connection.execute(_BESIDES, (run_id, step_id)).fetchone() is not None

    def around(self, item: QueueItem) -> tuple[int, list[str | None]]:
        """Return how many steps the item's run has, and what else it is up to.

        That are steps that work or wait, and None for each call of the function.
        """
        named = {"run_id": item.run_id, "item_id": item.id}
        (count,), *others = self._connection.execute(_AROUND, named).fetchall()
        return int(count), [row[0] for row in others]

    def of_run(self, run_id: str) -> list[QueueItem]:
        """Return the work of a run in due order."""
        return [_read(row) for row in self._connection.execute(_OF_RUN, (run_id,))]


def _read(row: sqlite3.Row, *, share: int = 0) -> QueueItem:
    values = dict(row)
    values["kind"] = ItemKind(values["kind"])
    values["is_leased"] = bool(values["is_leased"])
    return QueueItem(**values, share=share)
