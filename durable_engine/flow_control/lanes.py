"""Concurrency and throttle: which gates the calls of a run pass, and which of them is closed now.

Source: as documented. Concurrency limits the calls that are open at once, so that sleeping and waiting runs
count nothing. A limit of scope `fn` is the function's own; functions share those of scope `env` and `account`
by the value of their key, each with the limit that it has itself. Throttle limits the starts of runs by GCRA
(see `gcra`), with `burst` of them at once. Keys are evaluated once, when the run is queued.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from durable_engine.durations import format_duration
from durable_engine.flow_control import priority
from durable_engine.flow_control.gcra import Rate
from durable_engine.flow_control.keys import for_key, key_value
from durable_engine.model.decision import Control
from durable_engine.model.flow import Concurrency, FlowControl, Scope, Throttle
from durable_engine.model.json_value import JSONObject
from durable_engine.model.lane import Gate, GateRule, GateState, Lane, Placing


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


def rules(flow: FlowControl) -> tuple[GateRule, ...]:
    """Return what the gates of a function ask now, whatever the values of their keys, after a sync."""
    strictest: dict[str, GateRule] = {}
    for rule in map(_slots_rule, flow.concurrency):
        known = strictest.setdefault(rule.entry, rule)
        if (rule.slots or 0) < (known.slots or 0):
            strictest[rule.entry] = rule
    throttle = () if flow.throttle is None else (_throttle_rule(flow.throttle),)
    return (*strictest.values(), *throttle)


def opens_ms(gate: GateState) -> int | None:
    """Return when the gate opens by itself; None for one that opens when a call ends."""
    rate = _rate(gate.rule)
    return None if rate is None else rate.opens_ms(gate.tat_us)


def is_open(gate: GateState, *, now_ms: int) -> bool:
    """Whether one more call may pass."""
    if gate.rule.slots is not None and gate.running >= gate.rule.slots:
        return False
    return (opens_ms(gate) or 0) <= now_ms


def closed_gate(gates: Iterable[GateState], *, now_ms: int) -> GateState | None:
    """Return the first gate that is closed now."""
    return next((gate for gate in gates if not is_open(gate, now_ms=now_ms)), None)


def first_to_hold(gates: Iterable[GateState], *, ahead: int, now_ms: int) -> Held | None:
    """Return what holds a call with `ahead` others before it in line; None when its turn is now."""
    for gate in gates:
        if gate.rule.slots is not None and gate.running + ahead >= gate.rule.slots:
            return Held(gate=gate, until_ms=None)
        rate = _rate(gate.rule)
        if rate is not None and (until_ms := rate.opens_for_ms(gate.tat_us, ahead, now_ms=now_ms)) > now_ms:
            return Held(gate=gate, until_ms=until_ms)
    return None


def tat_after_us(gate: GateState, *, now_ms: int) -> int | None:
    """Return the state of a throttle after a start now; None for a gate that counts calls."""
    rate = _rate(gate.rule)
    return None if rate is None else rate.after_start_us(gate.tat_us, now_ms=now_ms)


def _rate(rule: GateRule) -> Rate | None:
    return None if rule.interval_us is None else Rate(interval_us=rule.interval_us, burst=rule.burst)


def _slots_gate(entry: Concurrency, function_id: str, payload: JSONObject, *, now_ms: int) -> Gate:
    value = key_value(entry.key, payload, now_ms=now_ms)
    owner = [function_id, entry.key or ""] if entry.scope is Scope.FUNCTION else []
    return Gate(
        name=_name("calls", entry.scope, *owner, value), rule=_slots_rule(entry, for_key(entry.key, value))
    )


def _slots_rule(entry: Concurrency, about: str = "") -> GateRule:
    scope = {Scope.FUNCTION: "its", Scope.ENVIRONMENT: "the environment's", Scope.ACCOUNT: "the account's"}
    several = "" if entry.limit == 1 else "s"
    return GateRule(
        entry=_slots_entry(entry),
        control=Control.CONCURRENCY,
        rule=f"{scope[entry.scope]} concurrency limit of {entry.limit} call{several}",
        about=about,
        slots=entry.limit,
    )


def _slots_entry(entry: Concurrency) -> str:
    return _name("calls", entry.scope, entry.key or "")


def _throttle_gate(throttle: Throttle, function_id: str, payload: JSONObject, *, now_ms: int) -> Gate:
    value = key_value(throttle.key, payload, now_ms=now_ms)
    name = _name("starts", function_id, throttle.key or "", value)
    return Gate(name=name, rule=_throttle_rule(throttle, for_key(throttle.key, value)))


def _throttle_rule(throttle: Throttle, about: str = "") -> GateRule:
    several = "" if throttle.limit == 1 else "s"
    period = format_duration(throttle.period_ms)
    return GateRule(
        entry=_throttle_entry(throttle),
        control=Control.THROTTLE,
        rule=f"its throttle of {throttle.limit} start{several} per {period}",
        about=about,
        interval_us=Rate.of(throttle.limit, throttle.period_ms).interval_us,
        burst=throttle.burst,
    )


def _throttle_entry(throttle: Throttle) -> str:
    return _name("starts", throttle.key or "")


def _lane(function_id: str, gates: Iterable[Gate]) -> Lane:
    """Return the lane of these gates; of two with one name the stricter counts."""
    strictest: dict[str, Gate] = {}
    for gate in gates:
        known = strictest.setdefault(gate.name, gate)
        if (gate.rule.slots or 0) < (known.rule.slots or 0):
            strictest[gate.name] = gate
    # With the entries, as keys that are written in another way may name the same shared gate.
    name = _name(function_id, *(part for gate in strictest.values() for part in (gate.name, gate.rule.entry)))
    return Lane(name=name, function_id=function_id, gates=tuple(strictest.values()))


def _name(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
