"""Slots that are taken, and the lines of what is due and waits for one.

The counts are in memory, as nothing is open when the file is; the thread of the connection keeps them, and
undoes them with a transaction that fails. A line is a negative `queue_item.lane_id`, the number of its
share. What is due joins one only while its share has no room, so that however much of one app waits, what is
due of the others is found at once.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from durable_engine.model.slot import SlotKind, kind_of

_GATE_PREFIX: Final = "slots:"
_DUE: Final = """
SELECT queue_item.id AS item_id, queue_item.kind AS kind, run.function_id AS function_id, step.kind AS step
FROM queue_item INDEXED BY queue_item_due JOIN run ON run.id = queue_item.run_id
LEFT JOIN step ON step.run_id = queue_item.run_id AND step.id = queue_item.step_id
WHERE queue_item.is_leased = 0 AND queue_item.ready_ms IS NULL AND queue_item.due_ms <= ?
    AND queue_item.lane_id IS NULL
ORDER BY queue_item.due_ms, queue_item.id LIMIT ?
"""
_WHAT: Final = """
SELECT queue_item.id AS item_id, queue_item.kind AS kind, run.function_id AS function_id, step.kind AS step
FROM queue_item JOIN run ON run.id = queue_item.run_id
LEFT JOIN step ON step.run_id = queue_item.run_id AND step.id = queue_item.step_id
WHERE queue_item.id = ?
"""
# In due order, as among all that is due.
_PUT_ASIDE: Final = """
UPDATE queue_item SET lane_id = ?, ready_ms = due_ms, rank = due_ms * 1048576 + id % 1048576 WHERE id = ?
"""
# From line to line: there are few, and very much may stand in each.
_NEXT_LINE: Final = """
SELECT min(lane_id) FROM queue_item
WHERE is_leased = 0 AND ready_ms IS NOT NULL AND lane_id > ? AND lane_id < 0
"""
_FIRST_LINE: Final = -(1 << 62)
_ADD_GATE: Final = "INSERT INTO gate (name) VALUES (?) ON CONFLICT (name) DO NOTHING"
_PARK: Final = """
UPDATE lane SET parked_at = (SELECT id FROM gate WHERE name = ?), parked_slots = NULL, held_by = ?
WHERE id = ?
"""
_PARKED: Final = """
SELECT name, id FROM gate WHERE name >= 'slots:' AND name < 'slots;'
    AND EXISTS (SELECT 1 FROM lane WHERE is_waiting = 1 AND parked_at = gate.id)
"""
_AWAITED: Final = """
SELECT gate.name FROM lane JOIN gate ON gate.id = lane.parked_at
WHERE lane.id = ? AND lane.is_waiting = 1 AND gate.name >= 'slots:' AND gate.name < 'slots;'
"""
# From the runs, of which few are open, as the holders of a gate.
_OPEN: Final = """
SELECT queue_item.kind AS kind, step.kind AS step, function.app_name AS app, run.id AS run_id
FROM run JOIN queue_item ON queue_item.run_id = run.id JOIN function ON function.id = run.function_id
LEFT JOIN step ON step.run_id = queue_item.run_id AND step.id = queue_item.step_id
WHERE run.status = 'RUNNING' AND queue_item.is_leased = 1 AND queue_item.kind IN ('discover', 'step')
ORDER BY queue_item.due_ms
"""
_INVITE: Final = """
UPDATE lane SET parked_at = NULL
WHERE id IN (SELECT id FROM lane WHERE is_waiting = 1 AND parked_at = ? ORDER BY turn LIMIT ?)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueItem:
    """What has to be known of an item to say whose slot it takes; `step` is the kind of its step."""

    item_id: int
    kind: str
    function_id: str
    step: str | None


class SlotTable:
    """Counts of what is open, and lines of what waits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._running = Counter[int]()
        self._open = dict.fromkeys(SlotKind, 0)
        self._moves: list[tuple[int, int]] = []
        self._lines: set[int] | None = None
        self._may_park = True

    @property
    def running(self) -> Mapping[int, int]:
        """How many slots are taken, by share."""
        return self._running

    @property
    def open(self) -> Mapping[SlotKind, int]:
        """How many slots are taken, by kind."""
        return self._open

    @property
    def may_park(self) -> bool:
        """Whether a lane may wait for a slot."""
        return self._may_park

    def take(self, share: int) -> None:
        """Something is opened."""
        self._move(share, 1)

    def leave(self, share: int) -> None:
        """Something that was opened has ended."""
        self._move(share, -1)

    def mark(self) -> int:
        """Return where to come back to with `undo`."""
        return len(self._moves)

    def undo(self, mark: int) -> None:
        """Take back what was counted since then, as the transaction is undone."""
        for share, step in self._moves[mark:]:
            self._running[share] -= step
            self._open[kind_of(share)] -= step
        del self._moves[mark:]
        self.renew()

    def done(self) -> None:
        """The transaction is committed."""
        self._moves.clear()

    def renew(self) -> None:
        """Look again who waits: all may be otherwise."""
        self._lines = None
        self._may_park = True

    def _move(self, share: int, step: int) -> None:
        self._running[share] += step
        self._open[kind_of(share)] += step
        self._moves.append((share, step))

    def due(self, *, now_ms: int, limit: int) -> list[DueItem]:
        """Return the first items that are due, and that stand in no line yet, in due order."""
        return [DueItem(**dict(row)) for row in self._connection.execute(_DUE, (now_ms, limit))]

    def what(self, item_id: int) -> DueItem | None:
        """Return one item; None if its run is gone."""
        row = self._connection.execute(_WHAT, (item_id,)).fetchone()
        return None if row is None else DueItem(**dict(row))

    def put_aside(self, items: Iterable[tuple[int, int]]) -> None:
        """Let items, given as (share, item id), wait in the lines of their shares."""
        waiting = list(items)
        self._connection.executemany(_PUT_ASIDE, waiting)
        self.lines().update(share for share, _ in waiting)

    def lines(self) -> set[int]:
        """Return the shares in whose lines something waits, or did not long ago."""
        if self._lines is None:
            self._lines = set()
            line: int | None = _FIRST_LINE
            while (line := self._connection.execute(_NEXT_LINE, (line,)).fetchone()[0]) is not None:
                self._lines.add(line)
        return self._lines

    def no_line(self, share: int) -> None:
        """Nothing waits in the line of a share any more."""
        self.lines().discard(share)

    def park(self, lane_id: int, share: int, *, words: str) -> None:
        """Let a lane wait until its share has room."""
        name = f"{_GATE_PREFIX}{share}"
        self._connection.execute(_ADD_GATE, (name,))
        self._connection.execute(_PARK, (name, words, lane_id))
        self._may_park = True

    def parked(self) -> dict[int, int]:
        """Return the shares for whose slots lanes wait, with the gates at which they do."""
        if not self._may_park:
            return {}
        found = {int(row[0].removeprefix(_GATE_PREFIX)): row[1] for row in self._connection.execute(_PARKED)}
        self._may_park = bool(found)
        return found

    def awaited(self, lane_id: int) -> int | None:
        """Return the share for whose slot a line waits, be it a lane or the line of a share; None if none."""
        if lane_id < 0:
            return lane_id
        row = self._connection.execute(_AWAITED, (lane_id,)).fetchone()
        return None if row is None else int(row[0].removeprefix(_GATE_PREFIX))

    def holders(self, kind: SlotKind) -> list[tuple[str, str]]:
        """Return the calls or requests that are open, as (app, run id), the oldest first."""
        rows = self._connection.execute(_OPEN)
        return [(row[2], row[3]) for row in rows if SlotKind.of(row[0], row[1]) is kind]

    def invite(self, gate_id: int, *, limit: int) -> None:
        """Let the first lanes that wait at such a gate be looked at."""
        self._connection.execute(_INVITE, (gate_id, limit))
