"""Tables `lane`, `gate` and `lane_gate`: lines of calls, and the limits that they pass.

A lane is at rest (nothing in line), open (to be looked at), or parked at the gate that was closed when it was
looked at last. What opens a gate invites the lane that was served least recently; so a call that ends costs
the same however many lanes wait, and every lane has its turn.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from durable_engine.model.decision import Control
from durable_engine.model.lane import GateRule, GateState, Lane

_FIND_LANE: Final = "SELECT id FROM lane WHERE name = ?"
_INSERT_LANE: Final = "INSERT INTO lane (name, function_id, work_lane_id) VALUES (?, ?, ?) RETURNING id"
_INSERT_GATE: Final = "INSERT INTO gate (name) VALUES (?) ON CONFLICT (name) DO NOTHING"
_LINK: Final = """
INSERT INTO lane_gate (lane_id, position, gate_id, entry, control, rule, about, slots, interval_us, burst)
SELECT ?, ?, gate.id, ?, ?, ?, ?, ?, ?, ? FROM gate WHERE name = ?
"""
_GATES: Final = """
SELECT gate.id, gate.running, gate.tat_us, entry, control, rule, about, slots, interval_us, burst
FROM lane_gate JOIN gate ON gate.id = lane_gate.gate_id WHERE lane_id = ? ORDER BY position
"""
# A lane joins the round behind all that wait or were served already.
_WAKE: Final = """
UPDATE lane SET is_waiting = 1, parked_at = NULL, held_by = NULL,
    turn = (SELECT coalesce(max(turn), 0) + 1 FROM lane)
WHERE id = ? AND is_waiting = 0
"""
# What held it is still to be told of the call that was taken last.
_REST: Final = "UPDATE lane SET is_waiting = 0, parked_at = NULL WHERE id = ?"
_PARK: Final = "UPDATE lane SET parked_at = ?, parked_slots = ?, held_by = ? WHERE id = ?"
_SERVED: Final = "UPDATE lane SET turn = (SELECT max(turn) + 1 FROM lane) WHERE id = ?"
_NEXT_OPEN: Final = """
SELECT id, work_lane_id, held_by FROM lane WHERE is_waiting = 1 AND parked_at IS NULL ORDER BY turn LIMIT 1
"""
_EXIST: Final = "SELECT 1 FROM lane LIMIT 1"
_PARKED: Final = """
SELECT id FROM lane WHERE is_waiting = 1 AND parked_at = ? AND (parked_slots IS NULL OR parked_slots > ?)
ORDER BY turn LIMIT 1
"""
_INVITE: Final = "UPDATE lane SET parked_at = NULL WHERE id = ?"
_GO_THROUGH: Final = "UPDATE gate SET running = running + ?, tat_us = coalesce(?, tat_us) WHERE id = ?"
_LEAVE: Final = "UPDATE gate SET running = running - 1 WHERE id = ?"
_GIVE_BACK: Final = "UPDATE gate SET running = running - ?, tat_us = tat_us - ? WHERE id = ?"
_SET_WAKE: Final = "UPDATE gate SET wake_ms = ? WHERE id = ?"
_OPENED: Final = "UPDATE gate SET wake_ms = NULL WHERE wake_ms <= ? RETURNING id, running"
_NEXT_LOOK: Final = """
SELECT CASE WHEN EXISTS (SELECT 1 FROM lane WHERE is_waiting = 1 AND parked_at IS NULL) THEN ?
    ELSE (SELECT min(wake_ms) FROM gate WHERE wake_ms IS NOT NULL) END
"""
_LANE: Final = "SELECT id, work_lane_id, held_by FROM lane WHERE id = ?"
_FORGET_RULES: Final = """
UPDATE lane_gate SET slots = NULL, interval_us = NULL
WHERE lane_id IN (SELECT id FROM lane WHERE function_id = ?)
"""
_NEW_RULE: Final = """
UPDATE lane_gate SET rule = ?, slots = ?, interval_us = ?, burst = ?
WHERE entry = ? AND lane_id IN (SELECT id FROM lane WHERE function_id = ?)
"""
# Starts under the numbers of before hold nobody up for longer than the new ones would.
_SHORTEN_TAT: Final = """
UPDATE gate SET tat_us = min(tat_us, ?) WHERE id IN (
    SELECT gate_id FROM lane_gate
    WHERE entry = ? AND lane_id IN (SELECT id FROM lane WHERE function_id = ?))
"""
_OPEN_LANES: Final = "UPDATE lane SET parked_at = NULL WHERE function_id = ? AND is_waiting = 1"
_OPEN_ALL: Final = "UPDATE lane SET parked_at = NULL WHERE is_waiting = 1 AND parked_at IS NOT NULL"
_NOBODY_RUNS: Final = "UPDATE gate SET running = 0 WHERE running != 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLane:
    """A lane in whose line something may stand; `held_by` names the gate at which it was parked last."""

    id: int
    work_lane_id: int | None
    held_by: str | None


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
        values = (lane.name, lane.function_id, work_lane_id)
        lane_id = int(self._connection.execute(_INSERT_LANE, values).fetchone()[0])
        for position, gate in enumerate(lane.gates):
            rule = gate.rule
            self._connection.execute(_INSERT_GATE, (gate.name,))
            self._connection.execute(
                _LINK,
                (
                    lane_id,
                    position,
                    rule.entry,
                    rule.control.value,
                    rule.rule,
                    rule.about,
                    rule.slots,
                    rule.interval_us,
                    rule.burst,
                    gate.name,
                ),
            )
        return lane_id

    def get(self, lane_id: int) -> OpenLane:
        """Return a lane that a run refers to."""
        return OpenLane(**dict(self._connection.execute(_LANE, (lane_id,)).fetchone()))

    def gates(self, lane_id: int) -> list[GateState]:
        """Return the gates of a lane as they are now, in the order of the configuration."""
        return [_read(dict(row)) for row in self._connection.execute(_GATES, (lane_id,))]

    def wake(self, lane_id: int) -> None:
        """Something has come to stand in line."""
        self._connection.execute(_WAKE, (lane_id,))

    def rest(self, lane_id: int) -> None:
        """Nothing stands in line any more."""
        self._connection.execute(_REST, (lane_id,))

    def park(self, lane_id: int, gate: GateState) -> None:
        """Let a lane wait until this gate opens."""
        held_by = f"{gate.rule.rule}{gate.rule.about}"
        self._connection.execute(_PARK, (gate.id, gate.rule.slots, held_by, lane_id))

    def next_open(self) -> OpenLane | None:
        """Return the lane to look at next: the one that was served least recently."""
        row = self._connection.execute(_NEXT_OPEN).fetchone()
        return None if row is None else OpenLane(**dict(row))

    def served(self, lane_id: int) -> None:
        """The lane had its turn."""
        self._connection.execute(_SERVED, (lane_id,))

    def pass_gate(self, gate: GateState, *, tat_us: int | None) -> None:
        """A call passes the gate: it counts until it leaves, or it moves the state of a throttle."""
        counts = gate.rule.control is Control.CONCURRENCY
        self._connection.execute(_GO_THROUGH, (counts, tat_us, gate.id))

    def leave_gate(self, gate_id: int) -> None:
        """A call that passed has ended."""
        self._connection.execute(_LEAVE, (gate_id,))

    def give_back(self, gate: GateState) -> None:
        """A call that passed just now is not made: nothing has happened."""
        counts = gate.rule.control is Control.CONCURRENCY
        self._connection.execute(_GIVE_BACK, (counts, gate.rule.interval_us or 0, gate.id))

    def parked(self, gate_id: int, *, running: int) -> int | None:
        """Return the lane that waits longest for a turn at a gate at which `running` calls are open."""
        row = self._connection.execute(_PARKED, (gate_id, running)).fetchone()
        return None if row is None else int(row[0])

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

    def change_rules(self, function_id: str, rules: Iterable[GateRule], *, now_ms: int) -> None:
        """Take over the numbers of a function's new configuration; entries that are gone limit no more."""
        self._connection.execute(_FORGET_RULES, (function_id,))
        for rule in rules:
            values = (rule.rule, rule.slots, rule.interval_us, rule.burst, rule.entry, function_id)
            self._connection.execute(_NEW_RULE, values)
            if rule.interval_us is not None:
                latest_us = now_ms * 1_000 + rule.burst * rule.interval_us
                self._connection.execute(_SHORTEN_TAT, (latest_us, rule.entry, function_id))
        self._connection.execute(_OPEN_LANES, (function_id,))

    def count_anew(self) -> None:
        """No call is open: every gate that counts them stands open."""
        self._connection.execute(_NOBODY_RUNS)
        self._connection.execute(_OPEN_ALL)


def _read(row: dict[str, object]) -> GateState:
    state = {name: row.pop(name) for name in ("id", "running", "tat_us")}
    rule = GateRule(**{**row, "control": Control(str(row["control"]))})  # type: ignore[arg-type]
    return GateState(rule=rule, **state)  # type: ignore[arg-type]
