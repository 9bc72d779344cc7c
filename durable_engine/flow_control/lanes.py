"""Concurrency and throttle: which gates the calls of a run pass, and which of them is closed now.

Source: as documented. Concurrency limits the calls that are open at once, so that sleeping and waiting runs
count nothing. A limit of scope `fn` is the function's own; functions share those of scope `env` and `account`
by the value of their key, each with the limit that it has itself. Throttle limits the starts of runs by GCRA
(see `gcra`), with `burst` of them at once. Keys are evaluated once, when the run is queued.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from durable_engine.durations import format_duration
from durable_engine.flow_control import priority
from durable_engine.flow_control.gcra import Rate
from durable_engine.flow_control.keys import for_key, key_value
from durable_engine.model.decision import Control
from durable_engine.model.flow import Concurrency, FlowControl, Scope, Throttle
from durable_engine.model.json_value import JSONObject
from durable_engine.model.lane import Gate, GateRule, GateState, Lane, Placing

_WHOSE: Final = {
    Scope.FUNCTION: "its",
    Scope.ENVIRONMENT: "the environment's",
    Scope.ACCOUNT: "the account's",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The gate that holds a call, and until when at least; None for until another call ends."""

    gate: GateState
    until_ms: int | None


def placing(flow: FlowControl, function_id: str, payload: JSONObject, *, now_ms: int) -> Placing | None:
    """Return where the calls of a new run wait for their turn; None when they need not."""
    if not flow.has_lanes:
        return None
    slots = [_slots_gate(entry, function_id, payload, now_ms=now_ms) for entry in flow.concurrency]
    start = list(slots)
    if flow.throttle is not None:
        start.append(_throttle_gate(flow.throttle, function_id, payload, now_ms=now_ms))
    return Placing(
        start=_lane(function_id, start),
        work=_lane(function_id, slots),
        ahead_ms=priority.seconds(flow.priority, payload, now_ms=now_ms) * 1_000,
    )


def opens_ms(gate: GateState, *, now_ms: int) -> int | None:
    """Return when the gate opens by itself; None for one that opens when a call ends."""
    rate = _rate(gate.rule)
    return None if rate is None else rate.opens_ms(gate.slot_us, now_ms=now_ms)


def is_open(gate: GateState, *, now_ms: int) -> bool:
    """Whether one more call may pass."""
    if gate.rule.slots is not None and gate.running >= gate.rule.slots:
        return False
    return (opens_ms(gate, now_ms=now_ms) or 0) <= now_ms


def closed_gate(gates: Iterable[GateState], *, now_ms: int) -> GateState | None:
    """Return the first gate that is closed now."""
    return next((gate for gate in gates if not is_open(gate, now_ms=now_ms)), None)


def first_to_hold(gates: Sequence[GateState], *, ahead: int, now_ms: int) -> Held | None:
    """Return what holds a call with `ahead` others before it in line; None when its turn is now.

    A gate that is closed now holds the whole line, whatever others would let pass.
    """
    closed = closed_gate(gates, now_ms=now_ms)
    for gate in gates if closed is None else [closed]:
        if gate.rule.slots is not None and gate.running + ahead >= gate.rule.slots:
            return Held(gate=gate, until_ms=None)
        rate = _rate(gate.rule)
        until_ms = 0 if rate is None else rate.opens_ms(gate.slot_us, now_ms=now_ms, ahead=ahead)
        if until_ms > now_ms:
            return Held(gate=gate, until_ms=until_ms)
    return None


def slot_of_next_us(gate: GateState, *, now_ms: int) -> int | None:
    """Return the slot of a start now at a throttle; None for a gate that counts calls."""
    rate = _rate(gate.rule)
    return None if rate is None else rate.next_slot_us(gate.slot_us, now_ms=now_ms)


def _rate(rule: GateRule) -> Rate | None:
    return None if rule.interval_us is None else Rate(interval_us=rule.interval_us, burst=rule.burst)


def _slots_gate(entry: Concurrency, function_id: str, payload: JSONObject, *, now_ms: int) -> Gate:
    value = key_value(entry.key, payload, now_ms=now_ms)
    owner = [function_id, entry.key or ""] if entry.scope is Scope.FUNCTION else []
    several = "" if entry.limit == 1 else "s"
    about = for_key(entry.key, value)
    rule = GateRule(
        control=Control.CONCURRENCY,
        words=f"{_WHOSE[entry.scope]} concurrency limit of {entry.limit} call{several}{about}",
        slots=entry.limit,
    )
    return Gate(name=_name("calls", entry.scope, *owner, value), rule=rule)


def _throttle_gate(throttle: Throttle, function_id: str, payload: JSONObject, *, now_ms: int) -> Gate:
    value = key_value(throttle.key, payload, now_ms=now_ms)
    several = "" if throttle.limit == 1 else "s"
    period, about = format_duration(throttle.period_ms), for_key(throttle.key, value)
    rule = GateRule(
        control=Control.THROTTLE,
        words=f"its throttle of {throttle.limit} start{several} per {period}{about}",
        interval_us=Rate.of(throttle.limit, throttle.period_ms).interval_us,
        burst=throttle.burst,
    )
    return Gate(name=_name("starts", function_id, throttle.key or "", value), rule=rule)


def _lane(function_id: str, gates: Iterable[Gate]) -> Lane:
    """Return the lane of these gates; of two with one name the stricter counts."""
    strictest: dict[str, Gate] = {}
    for gate in gates:
        known = strictest.setdefault(gate.name, gate)
        if (gate.rule.slots or 0) < (known.rule.slots or 0):
            strictest[gate.name] = gate
    chosen = tuple(strictest.values())
    # Another rule makes another lane, so that a lane never changes.
    rules = [f"{gate.name} {gate.rule.burst} {gate.rule.words}" for gate in chosen]
    return Lane(name=_name(function_id, *rules), gates=chosen)


def _name(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
