"""Whose turn it is: calls of functions with concurrency, throttle or priority, each in the line of its lane.

Lanes are served in turn, so that no busy key starves the others, and each in order of rank: older runs first,
moved by their priority. A gate that is closed holds a lane, whose reason is known from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from durable_engine.flow_control.lanes import closed_gate, is_open, opens_ms, slot_of_next_us
from durable_engine.model.decision import Control
from durable_engine.model.lane import GateState
from durable_engine.model.queue_item import QueueItem
from durable_engine.slots import Slots
from durable_engine.storage.lane_table import OpenLane
from durable_engine.storage.tables import Tables

_MOST_LOOKS: Final = 200
"""Lanes without a call to admit that one transaction looks at."""


def admit(
    tables: Tables, slots: Slots, is_made: Callable[[QueueItem], bool], *, now_ms: int, limit: int
) -> list[QueueItem]:
    """Lease up to `limit` calls whose turn it is, and for which there is a slot.

    One that will not be made after all, as `is_made` says, keeps nothing busy and uses no start.
    """
    if not tables.lanes.exist():
        return []
    tables.line_up(now_ms=now_ms)
    slots.invite(limit)
    for gate_id, running in tables.lanes.opened(now_ms=now_ms):
        _invite(tables, gate_id, running=running)
    admitted: list[QueueItem] = []
    # What is not looked at now is looked at next: a transaction must not last for ten thousand lanes.
    for _ in range(limit + _MOST_LOOKS):
        lane = tables.lanes.next_open() if len(admitted) < limit else None
        if lane is None:
            break
        item = _serve(tables, slots, lane, is_made, now_ms=now_ms)
        if item is not None:
            admitted.append(item)
    return admitted


def leave(tables: Tables, item: QueueItem, *, now_ms: int) -> None:
    """What was taken has ended: its slot, and what it kept busy, is free for the next one."""
    tables.slots.leave(item.share)
    if item.lane_id is None:
        return
    gates = [_left(tables, gate) for gate in tables.lanes.gates(item.lane_id)]
    _invite_to(tables, gates, now_ms=now_ms)


def next_admission_ms(tables: Tables, *, now_ms: int) -> int | None:
    """Return when lanes have to be looked at again, which may be now."""
    return tables.lanes.next_look_ms(now_ms=now_ms) if tables.lanes.exist() else None


def _serve(
    tables: Tables, slots: Slots, lane: OpenLane, is_made: Callable[[QueueItem], bool], *, now_ms: int
) -> QueueItem | None:
    """Take the first call of a lane, or let the lane wait for what it takes."""
    gates = tables.lanes.gates(lane.id)
    # What a run goes on with comes before the start of another one with the same keys, and needs no start.
    head = None if lane.work_lane_id is None else tables.queue.head(lane.work_lane_id)
    asked = gates if head is None else [gate for gate in gates if _counts(gate)]
    if head is None:
        head = tables.queue.head(lane.id)
    if head is None:
        tables.lanes.rest(lane.id)
        for gate in gates:
            _invite(tables, gate.id, running=gate.running)
        return None
    item = None
    closed = closed_gate(asked, now_ms=now_ms)
    if closed is not None:
        _park(tables, lane.id, closed, now_ms=now_ms)
    elif not slots.may_take(share := slots.share_of(head)):
        slots.park(lane.id, share)
    else:
        item = slots.take(head, share)
        if is_made(item):
            passed = {gate.id: _passed(tables, gate, now_ms=now_ms) for gate in asked}
            gates = [passed.get(gate.id, gate) for gate in gates]
        else:
            item = replace(item, lane_id=None)
        tables.lanes.served(lane.id)
    # Whatever this lane made of its invitation, a gate that is open still is open for the next one.
    _invite_to(tables, gates, now_ms=now_ms)
    return item


def _counts(gate: GateState) -> bool:
    return gate.rule.control is Control.CONCURRENCY


def _passed(tables: Tables, gate: GateState, *, now_ms: int) -> GateState:
    """Let a call pass a gate; returns the gate as it is then."""
    slot_us = slot_of_next_us(gate, now_ms=now_ms)
    tables.lanes.pass_gate(gate, slot_us=slot_us)
    return replace(gate, running=gate.running + _counts(gate), slot_us=slot_us or gate.slot_us)


def _left(tables: Tables, gate: GateState) -> GateState:
    """Let a call leave a gate, if it counted there; returns the gate as it is then."""
    if not _counts(gate):
        return gate
    tables.lanes.leave_gate(gate.id)
    return replace(gate, running=gate.running - 1)


def _park(tables: Tables, lane_id: int, gate: GateState, *, now_ms: int) -> None:
    tables.lanes.park(lane_id, gate)
    due_ms = opens_ms(gate, now_ms=now_ms)
    if due_ms is not None:
        tables.lanes.wake_at(gate.id, due_ms)


def _invite_to(tables: Tables, gates: Iterable[GateState], *, now_ms: int) -> None:
    """Let the next lane that is parked at each of these gates be looked at, or say when it can be."""
    for gate in gates:
        if is_open(gate, now_ms=now_ms):
            _invite(tables, gate.id, running=gate.running)
        elif gate.rule.slots is not None:
            if tables.lanes.most_slots(gate.id) > gate.running:  # a function with a larger limit
                _invite(tables, gate.id, running=gate.running)
        elif tables.lanes.parked(gate.id, running=gate.running) is not None:
            tables.lanes.wake_at(gate.id, opens_ms(gate, now_ms=now_ms))


def _invite(tables: Tables, gate_id: int, *, running: int) -> None:
    lane_id = tables.lanes.parked(gate_id, running=running)
    if lane_id is not None:
        tables.lanes.invite(lane_id)
