"""Tables `lane`, `gate` and `lane_gate`: lines of calls, and the limits that they pass.

A lane is at rest (nothing in line), open (to be looked at), or parked at the gate that was closed when it was
looked at last. What opens a gate invites the lane that was served least recently; so a call that ends costs
the same however many lanes wait, and every lane has its turn.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from durable_engine.model.decision import Control
from durable_engine.model.lane import GateRule, GateState, Lane

_FIND_LANE: Final = "SELECT id FROM lane WHERE name = ?"
_INSERT_LANE: Final = "INSERT INTO lane (name, work_lane_id) VALUES (?, ?) RETURNING id"
_INSERT_GATE: Final = "INSERT INTO gate (name) VALUES (?) ON CONFLICT (name) DO NOTHING"
_LINK: Final = """
INSERT INTO lane_gate (lane_id, position, gate_id, control, words, slots, interval_us, burst)
SELECT ?, ?, gate.id, ?, ?, ?, ?, ? FROM gate WHERE name = ?
"""
_GATES: Final = """
SELECT gate.id, gate.running, gate.slot_us, control, words, slots, interval_us, burst
FROM lane_gate JOIN gate ON gate.id = lane_gate.gate_id WHERE lane_id = ? ORDER BY position
"""
# A lane joins the round behind all that wait or were served already.
_WAKE: Final = """
UPDATE lane SET is_waiting = 1, parked_at = NULL, held_by = NULL,
    turn = (SELECT coalesce(max(turn), 0) + 1 FROM lane)
WHERE id = ? AND is_waiting = 0
"""
# What held the last one in line is told when that one is made, which may be later.
_REST: Final = "UPDATE lane SET is_waiting = 0, parked_at = NULL WHERE id = ?"
_PARK: Final = "UPDATE lane SET parked_at = ?, parked_slots = ?, held_by = ? WHERE id = ?"
_SERVED: Final = "UPDATE lane SET turn = (SELECT max(turn) + 1 FROM lane) WHERE id = ?"
_NEXT_OPEN: Final = """
SELECT id, work_lane_id FROM lane WHERE is_waiting = 1 AND parked_at IS NULL ORDER BY turn LIMIT 1
"""
# From the runs, of which few are open: a limit has many lanes, and most of them stand empty.
_HOLDERS: Final = """
SELECT run.id FROM run JOIN queue_item ON queue_item.run_id = run.id
JOIN lane_gate ON lane_gate.lane_id = queue_item.lane_id
WHERE run.status = 'RUNNING' AND queue_item.is_leased = 1 AND lane_gate.gate_id = ?
ORDER BY run.queued_ms LIMIT ?
"""
_EXIST: Final = "SELECT 1 FROM lane LIMIT 1"
_PARKED: Final = """
SELECT id FROM lane WHERE is_waiting = 1 AND parked_at = ? AND (parked_slots IS NULL OR parked_slots > ?)
ORDER BY turn LIMIT 1
"""
_MOST_SLOTS: Final = """
SELECT max(parked_slots) FROM lane INDEXED BY lane_by_slots WHERE is_waiting = 1 AND parked_at = ?
"""
_INVITE: Final = "UPDATE lane SET parked_at = NULL WHERE id = ?"
_GO_THROUGH: Final = "UPDATE gate SET running = running + ?, slot_us = coalesce(?, slot_us) WHERE id = ?"
_LEAVE: Final = "UPDATE gate SET running = running - 1 WHERE id = ?"
_SET_WAKE: Final = "UPDATE gate SET wake_ms = ? WHERE id = ?"
_OPENED: Final = "UPDATE gate SET wake_ms = NULL WHERE wake_ms <= ? RETURNING id, running"
_NEXT_LOOK: Final = """
SELECT CASE WHEN EXISTS (SELECT 1 FROM lane WHERE is_waiting = 1 AND parked_at IS NULL) THEN ?
    ELSE (SELECT min(wake_ms) FROM gate WHERE wake_ms IS NOT NULL) END
"""
_HELD_BY: Final = "SELECT held_by FROM lane WHERE id = ?"
_OPEN_ALL: Final = "UPDATE lane SET parked_at = NULL WHERE is_waiting = 1 AND parked_at IS NOT NULL"
_NOBODY_RUNS: Final = "UPDATE gate SET running = 0 WHERE running != 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLane:
    """A lane in whose line something may stand."""

    id: int
    work_lane_id: int | None


class LaneTable:
    """Lanes and gates."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._exist: bool | None = None

    def exist(self) -> bool:
        """Whether any run has ever had a lane; lanes are never deleted, and only this connection adds one."""
        if self._exist is None:
            self._exist = self._connection.execute(_EXIST).fetchone() is not None
        return self._exist

    def id_of(self, lane: Lane, *, work_lane_id: int | None = None) -> int:
        """Return the number of a lane, a new one for a new lane; `work_lane_id` goes before it."""
        row = self._connection.execute(_FIND_LANE, (lane.name,)).fetchone()
        if row is not None:
            return int(row[0])
        self._exist = True
        values = (lane.name, work_lane_id)
        lane_id = int(self._connection.execute(_INSERT_LANE, values).fetchone()[0])
        for position, gate in enumerate(lane.gates):
            rule = gate.rule
            self._connection.execute(_INSERT_GATE, (gate.name,))
            self._connection.execute(
                _LINK,
                (
                    lane_id,
                    position,
                    rule.control.value,
                    rule.words,
                    rule.slots,
                    rule.interval_us,
                    rule.burst,
                    gate.name,
                ),
            )
        return lane_id

    def held_by(self, lane_id: int) -> str | None:
        """Return the words for the gate at which a lane was parked last, since something came to its line."""
        words: str | None = self._connection.execute(_HELD_BY, (lane_id,)).fetchone()[0]
        return words

    def gates(self, lane_id: int) -> list[GateState]:
        """Return the gates of a lane as they are now, in the order of the configuration."""
        return [_read(row) for row in self._connection.execute(_GATES, (lane_id,))]

    def holders(self, gate_id: int, *, limit: int) -> list[str]:
        """Return the first of the runs that have calls open behind a gate, oldest first."""
        return list(dict.fromkeys(row[0] for row in self._connection.execute(_HOLDERS, (gate_id, limit))))

    def wake(self, lane_id: int) -> None:
        """Something has come to stand in line."""
        self._connection.execute(_WAKE, (lane_id,))

    def rest(self, lane_id: int) -> None:
        """Nothing stands in line any more."""
        self._connection.execute(_REST, (lane_id,))

    def park(self, lane_id: int, gate: GateState) -> None:
        """Let a lane wait until this gate opens."""
        self._connection.execute(_PARK, (gate.id, gate.rule.slots, gate.rule.words, lane_id))

    def next_open(self) -> OpenLane | None:
        """Return the lane to look at next: the one that was served least recently."""
        row = self._connection.execute(_NEXT_OPEN).fetchone()
        return None if row is None else OpenLane(**dict(row))

    def served(self, lane_id: int) -> None:
        """The lane had its turn."""
        self._connection.execute(_SERVED, (lane_id,))

    def pass_gate(self, gate: GateState, *, slot_us: int | None) -> None:
        """A call passes the gate: it counts until it leaves, or it moves the state of a throttle."""
        counts = gate.rule.control is Control.CONCURRENCY
        self._connection.execute(_GO_THROUGH, (counts, slot_us, gate.id))

    def leave_gate(self, gate_id: int) -> None:
        """A call that passed has ended."""
        self._connection.execute(_LEAVE, (gate_id,))

    def parked(self, gate_id: int, *, running: int) -> int | None:
        """Return the lane that waits longest for a turn at a gate at which `running` calls are open."""
        row = self._connection.execute(_PARKED, (gate_id, running)).fetchone()
        return None if row is None else int(row[0])

    def most_slots(self, gate_id: int) -> int:
        """Return the largest limit of calls under which a lane is parked at a gate; 0 where none is."""
        return int(self._connection.execute(_MOST_SLOTS, (gate_id,)).fetchone()[0] or 0)

    def invite(self, lane_id: int) -> None:
        """Let a parked lane be looked at."""
        self._connection.execute(_INVITE, (lane_id,))

    def wake_at(self, gate_id: int, due_ms: int | None) -> None:
        """Look at a gate again at a time."""
        self._connection.execute(_SET_WAKE, (due_ms, gate_id))

    def opened(self, *, now_ms: int) -> list[tuple[int, int]]:
        """Take the gates whose time has come, as (gate id, running calls)."""
        return [(row[0], row[1]) for row in self._connection.execute(_OPENED, (now_ms,)).fetchall()]

    def next_look_ms(self, *, now_ms: int) -> int | None:
        """Return when there is a lane to look at: now, or when a gate opens by itself that one waits at."""
        due: int | None = self._connection.execute(_NEXT_LOOK, (now_ms,)).fetchone()[0]
        return due

    def count_anew(self) -> None:
        """No call is open: every gate that counts them stands open."""
        self._connection.execute(_NOBODY_RUNS)
        self._connection.execute(_OPEN_ALL)


def _read(row: sqlite3.Row) -> GateState:
    values = dict(row)
    state = {name: values.pop(name) for name in ("id", "running", "slot_us")}
    values["control"] = Control(values["control"])
    return GateState(rule=GateRule(**values), **state)
