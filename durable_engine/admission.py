"""Whose turn it is: calls of functions with concurrency, throttle or priority, each in the line of its lane.

Lanes are served in turn, so that no busy key starves the others, and each in order of rank: older runs first,
moved by their priority. A gate that is closed holds a lane, whose reason is known from then on.
"""

from __future__ import annotations

from collections.abc import Iterable

from durable_engine.flow_control.lanes import closed_gate, is_open, opens_ms, tat_after_us
from durable_engine.model.decision import Control
from durable_engine.model.lane import GateState
from durable_engine.model.queue_item import QueueItem
from durable_engine.storage.lane_table import OpenLane
from durable_engine.storage.tables import Tables


def admit(tables: Tables, *, now_ms: int, limit: int) -> list[QueueItem]:
    """Lease up to `limit` calls whose turn it is."""
    for lane_id in tables.queue.line_up(now_ms=now_ms):
        tables.lanes.wake(lane_id)
    for gate_id, running in tables.lanes.opened(now_ms=now_ms):
        _invite(tables, gate_id, running=running)
    admitted: list[QueueItem] = []
    while len(admitted) < limit:
        lane = tables.lanes.next_open()
        if lane is None:
            break
        item = _serve(tables, lane, now_ms=now_ms)
        if item is not None:
            admitted.append(item)
    return admitted


def leave(tables: Tables, item: QueueItem, *, now_ms: int) -> None:
    """A call that was admitted has ended: what it kept busy is free for the next one."""
    if item.lane_id is None:
        return
    for gate in tables.lanes.gates(item.lane_id):
        if gate.rule.control is Control.CONCURRENCY:
            tables.lanes.leave_gate(gate.id)
    _invite_to(tables, tables.lanes.gates(item.lane_id), now_ms=now_ms)


def give_back(tables: Tables, item: QueueItem, *, now_ms: int) -> None:
    """A call that was admitted just now is not made after all: it counts for nothing."""
    if item.lane_id is None:
        return
    for gate in tables.lanes.gates(item.lane_id):
        tables.lanes.give_back(gate)
    _invite_to(tables, tables.lanes.gates(item.lane_id), now_ms=now_ms)


def next_admission_ms(tables: Tables, *, now_ms: int) -> int | None:
    """Return when lanes have to be looked at again, which may be now."""
    return now_ms if tables.lanes.has_open() else tables.lanes.next_wake_ms()


def _serve(tables: Tables, lane: OpenLane, *, now_ms: int) -> QueueItem | None:
    """Take the first call of a lane, or let the lane wait for what it takes."""
    own_gates = tables.lanes.gates(lane.id)
    served, gates = lane.id, own_gates
    # What a run goes on with comes before the start of another one with the same keys.
    if lane.work_lane_id is not None and tables.queue.head(lane.work_lane_id) is not None:
        served, gates = lane.work_lane_id, tables.lanes.gates(lane.work_lane_id)
    closed = closed_gate(gates, now_ms=now_ms)
    item = None
    if closed is not None:
        _park(tables, lane.id, closed)
    else:
        item = tables.queue.lease_head(served)
        if item is None:
            tables.lanes.rest(lane.id)
        else:
            for gate in gates:
                tables.lanes.pass_gate(gate, tat_us=tat_after_us(gate, now_ms=now_ms))
            tables.lanes.served(lane.id)
    # Whatever this lane made of its invitation, a gate that is open still is open for the next one.
    _invite_to(tables, own_gates if item is None else tables.lanes.gates(lane.id), now_ms=now_ms)
    return item


def _park(tables: Tables, lane_id: int, gate: GateState) -> None:
    tables.lanes.park(lane_id, gate)
    due_ms = opens_ms(gate)
    if due_ms is not None:
        tables.lanes.wake_at(gate.id, due_ms)


def _invite_to(tables: Tables, gates: Iterable[GateState], *, now_ms: int) -> None:
    """Let the next lane that is parked at each of these gates be looked at, or say when it can be."""
    for gate in gates:
        if is_open(gate, now_ms=now_ms) or gate.rule.slots is not None:
            _invite(tables, gate.id, running=gate.running)
        elif tables.lanes.parked(gate.id, running=gate.running) is not None:
            tables.lanes.wake_at(gate.id, opens_ms(gate))


def _invite(tables: Tables, gate_id: int, *, running: int) -> None:
    lane_id = tables.lanes.parked(gate_id, running=running)
    if lane_id is not None:
        tables.lanes.invite(lane_id)
