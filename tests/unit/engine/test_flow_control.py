"""The controls themselves, which are pure: rates, debounces, batches, priorities, singletons, and keys."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from engine_tables import NOW_MS, World, a_function, an_event

from durable_engine.flow_control import batching, debounce, priority, rate_limit, singleton
from durable_engine.flow_control.gcra import Rate
from durable_engine.flow_control.keys import for_key, is_false, key_value
from durable_engine.model.appointment import Appointment, AppointmentKind
from durable_engine.model.decision import Admit, Delay, Drop, Merge
from durable_engine.model.flow import (
    Batch,
    Concurrency,
    Debounce,
    FlowControl,
    RateLimit,
    Singleton,
    SingletonMode,
    Throttle,
)

HOUR_MS = 3_600_000


def _starts(rate: Rate, wanted_ms: list[int]) -> list[int]:
    """Return which of the times a start conforms at, each taken as soon as it comes."""
    slot_us, started = None, []
    for now_ms in wanted_ms:
        if rate.opens_ms(slot_us, now_ms=now_ms) <= now_ms:
            slot_us = rate.next_slot_us(slot_us, now_ms=now_ms)
            started.append(now_ms)
    return started


def test_a_rate_spreads_its_starts_evenly() -> None:
    rate = Rate.of(10, HOUR_MS)
    every_minute = [NOW_MS + minute * 60_000 for minute in range(120)]
    assert _starts(rate, every_minute) == every_minute[::6]


def test_a_rate_that_does_not_divide_its_period_never_lets_one_too_many_through() -> None:
    rate = Rate.of(7, 1_000)
    started = _starts(rate, list(range(NOW_MS, NOW_MS + 10_000)))
    for first in started:
        assert sum(first <= other < first + 1_000 for other in started) <= 7
    assert len(started) >= 69


def test_a_burst_is_let_through_at_once_and_the_rest_evenly() -> None:
    rate = Rate.of(1, 60_000, burst=3)
    assert len(_starts(rate, [NOW_MS] * 10)) == 3
    slot_us = None
    for _ in range(3):
        slot_us = rate.next_slot_us(slot_us, now_ms=NOW_MS)
    assert rate.opens_ms(slot_us, now_ms=NOW_MS) == NOW_MS + 60_000
    # After a long rest there is the burst again, and not more.
    later = NOW_MS + 100 * 60_000
    assert len(_starts(rate, [NOW_MS] * 5 + [later] * 5)) == 6


@pytest.mark.parametrize("burst", [-5, 0, 1])
def test_a_burst_is_one_at_least(burst: int) -> None:
    assert Rate.of(1, 1_000, burst=burst).burst == 1


def test_rates_from_the_smallest_to_the_largest_are_whole_numbers() -> None:
    assert Rate.of(1, 7 * 86_400_000).interval_us == 604_800_000_000
    assert Rate.of(10**9, 1_000).interval_us == 1
    assert Rate.of(3, 1_000).interval_us == 333_334
    assert Rate.of(1, 1_000).opens_ms(None, now_ms=NOW_MS) == NOW_MS


def test_a_start_with_others_before_it_opens_as_many_intervals_later() -> None:
    rate = Rate.of(1, 60_000, burst=2)
    opens = [rate.opens_ms(None, now_ms=NOW_MS, ahead=ahead) - NOW_MS for ahead in range(4)]
    assert opens == [-60_000, 0, 60_000, 120_000]


def test_another_rate_counts_from_the_last_start() -> None:
    slow, fast = Rate.of(1, HOUR_MS), Rate.of(1, 60_000)
    slot_us = slow.next_slot_us(None, now_ms=NOW_MS)
    assert slow.opens_ms(slot_us, now_ms=NOW_MS + 10_000) == NOW_MS + HOUR_MS
    assert fast.opens_ms(slot_us, now_ms=NOW_MS + 10_000) == NOW_MS + 60_000


def test_a_rate_limit_says_when_it_opens() -> None:
    limit = RateLimit(limit=2, period_ms=HOUR_MS, key="event.data.user")
    decision, slot_us = rate_limit.decide(limit, "ann", None, now_ms=NOW_MS)
    assert decision == Admit()
    decision, next_slot_us = rate_limit.decide(limit, "ann", slot_us, now_ms=NOW_MS)
    assert isinstance(decision, Drop)
    assert (decision.until_ms, next_slot_us) == (NOW_MS + HOUR_MS // 2, None)
    assert decision.reason == (
        'its rate limit of 2 per 1h (one every 30m) is used up for event.data.user = "ann"'
    )
    assert isinstance(rate_limit.decide(limit, "ann", slot_us, now_ms=decision.until_ms)[0], Admit)


def _pending(kind: AppointmentKind, **more: Any) -> Appointment:
    named = {"id": "1", "kind": kind, "function_id": "f", "key": "", "since_ms": NOW_MS, "due_ms": NOW_MS}
    return Appointment(**(named | more))


def test_a_debounce_waits_for_its_period_after_each_event_and_for_its_timeout_after_the_first() -> None:
    config = Debounce(period_ms=60_000, timeout_ms=90_000)
    assert debounce.due_ms(config, since_ms=NOW_MS, now_ms=NOW_MS) == NOW_MS + 60_000
    assert debounce.due_ms(config, since_ms=NOW_MS, now_ms=NOW_MS + 20_000) == NOW_MS + 80_000
    assert debounce.due_ms(config, since_ms=NOW_MS, now_ms=NOW_MS + 40_000) == NOW_MS + 90_000
    # One whose timeout has passed already, on a machine that slept, is due at once.
    assert debounce.due_ms(config, since_ms=NOW_MS, now_ms=NOW_MS + HOUR_MS) == NOW_MS + 90_000
    short = Debounce(period_ms=60_000, timeout_ms=1_000)
    assert debounce.due_ms(short, since_ms=NOW_MS, now_ms=NOW_MS) == NOW_MS + 1_000


def test_a_debounce_tells_how_many_events_it_has() -> None:
    config = Debounce(period_ms=60_000)
    first = debounce.decide(config, "", None, now_ms=NOW_MS)
    assert isinstance(first, Delay)
    pending = _pending(AppointmentKind.DEBOUNCE, count=41)
    later = debounce.decide(config, "", pending, now_ms=NOW_MS + 1)
    assert isinstance(later, Merge)
    assert later.reason.endswith("this is event 42 of those, and one run starts for all")
    assert later.until_ms == NOW_MS + 60_001


def test_the_event_with_the_highest_ts_is_the_newest_and_of_equals_the_last() -> None:
    event = an_event(at_ms=NOW_MS)
    assert debounce.is_newer(event, event)
    assert debounce.is_newer(replace(event, ts_ms=NOW_MS + 1), event)
    assert not debounce.is_newer(replace(event, ts_ms=NOW_MS - 1), event)


def test_a_batch_is_full_by_its_count_or_by_its_bytes() -> None:
    batch = Batch(max_size=3, timeout_ms=1_000)
    assert not batching.is_full(batch, count=2, size=100)
    assert batching.is_full(batch, count=3, size=100)
    assert not batching.is_full(batch, count=1, size=batching.MAX_BYTES - 1)
    assert batching.is_full(batch, count=1, size=batching.MAX_BYTES)
    pending = _pending(AppointmentKind.BATCH, size=batching.MAX_BYTES - 10)
    assert not batching.overflows(pending, 10)
    assert batching.overflows(pending, 11)


def test_an_event_joins_a_batch_when_its_condition_holds() -> None:
    taken = []
    for condition in (None, "event.data.n > 1", "true", "event.data.n > 5", "event.data.missing", "false"):
        batch = Batch(max_size=3, timeout_ms=1_000, condition=condition)
        if batching.takes(batch, {"data": {"n": 2}}, now_ms=NOW_MS):
            taken.append(condition)
    assert taken == [None, "event.data.n > 1", "true"]


def test_a_batch_keeps_the_time_of_its_first_event() -> None:
    batch = Batch(max_size=3, timeout_ms=5_000)
    first = batching.decide(batch, "", None, now_ms=NOW_MS)
    assert (type(first), first.until_ms) == (Delay, NOW_MS + 5_000)
    pending = _pending(AppointmentKind.BATCH, due_ms=NOW_MS + 5_000)
    second = batching.decide(batch, "", pending, now_ms=NOW_MS + 4_999)
    assert (type(second), second.until_ms) == (Merge, NOW_MS + 5_000)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (60, 60),
        (-60, -60),
        (600, 600),
        (601, 600),
        (-601, -600),
        (10**400, 600),
        (-(10**400), -600),
        (5.0, 5),
        (1e300, 600),
        (5.5, 0),
        ("60", 0),
        (True, 0),
        (None, 0),
        ([60], 0),
        ({"s": 60}, 0),
        (0, 0),
        (-0.0, 0),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_priority_is_a_whole_number_of_seconds_within_ten_minutes(value: Any, seconds: int) -> None:
    assert priority.seconds("event.data.p", {"data": {"p": value}}, now_ms=NOW_MS) == seconds
    assert priority.seconds(None, {"data": {"p": value}}, now_ms=NOW_MS) == 0


@pytest.mark.parametrize(
    "expression", ["1 / 0", "event.data.p.q.r", "event.data.p[99]", "size(event.data.p)"]
)
def test_a_priority_that_cannot_be_evaluated_is_none(expression: str) -> None:
    assert priority.seconds(expression, {"data": {"p": None}}, now_ms=NOW_MS) == 0


def test_a_singleton_is_skipped_or_replaces_the_run_that_is_open() -> None:
    skip, cancel = Singleton(mode=SingletonMode.SKIP), Singleton(mode=SingletonMode.CANCEL)
    assert singleton.decide(skip, "", []) == singleton.decide(cancel, "", []) == Admit()
    decision = singleton.decide(skip, "", ["run-1"])
    assert isinstance(decision, Drop)
    assert decision.run_id == "run-1"
    assert singleton.decide(cancel, "", ["run-1"]) == Admit(replaces=("run-1",))


ODD: list[tuple[Any, str | None]] = [
    ("ann", "ann"),
    ("", ""),
    (None, ""),
    (True, "true"),
    (False, "false"),
    (5, "5"),
    (5.0, "5"),
    (-0.0, "0"),
    (0.5, "0.5"),
    (1e300, None),
    (10**400, None),
    (["ann", 5, None], '["ann",5,null]'),
    ({"b": 1, "a": [True]}, '{"b":1,"a":[true]}'),
    ([], "[]"),
    ("nul \x00 in it", "nul \x00 in it"),
    ("\u2028\u202e", "\u2028\u202e"),
    ("\U0001f600" * 200, "\U0001f600" * 200),
    ("x" * 200, "x" * 200),
    ("x" * 201, hashlib.sha256(b"x" * 201).hexdigest()),
    ("\ud800", None),
    (["\udfff"], None),
    ({"\ud800": 1}, None),
]
"""Values of keys, and the text that they become where it is not hashed or rounded."""


@pytest.mark.parametrize(("value", "text"), ODD, ids=lambda value: ascii(value)[:24])
def test_a_key_is_the_text_of_its_value(value: Any, text: str | None) -> None:
    found = key_value("event.data.k", {"data": {"k": value}}, now_ms=NOW_MS)
    assert text is None or found == text
    assert len(found) <= 200
    found.encode()  # whatever it is, a table can hold it
    assert for_key("event.data.k", found).startswith(' for event.data.k = "')
    assert key_value(None, {"data": {"k": value}}, now_ms=NOW_MS) == ""


def test_values_that_are_long_or_broken_stay_apart() -> None:
    values = ["x" * 300 + "1", "x" * 300 + "2", "\ud800", "\ud801", "a\ud800", "?", "\ufffd"]
    keys = [key_value("event.data.k", {"data": {"k": value}}, now_ms=NOW_MS) for value in values]
    assert len(set(keys)) == len(values)


def test_what_is_missing_is_null_and_has_the_key_of_no_text() -> None:
    for payload in ({}, {"data": None}, {"data": {}}, {"data": {"k": {}}}):
        assert key_value("event.data.k.id", payload, now_ms=NOW_MS) == ""


@pytest.mark.parametrize("value", [None, 0, "", "false", [], {}, [False]])
def test_a_key_is_false_only_when_it_is_exactly_that(value: Any) -> None:
    assert not is_false("event.data.k", {"data": {"k": value}}, now_ms=NOW_MS)
    assert is_false("event.data.k", {"data": {"k": False}}, now_ms=NOW_MS)
    assert not is_false(None, {"data": {"k": False}}, now_ms=NOW_MS)


def test_a_sentence_about_a_key_shows_the_beginning_of_a_long_value() -> None:
    assert for_key(None, "ann") == ""
    assert for_key("event.data.k", 'a"b\n') == ' for event.data.k = "a\\"b\\n"'
    shown = for_key("event.data.k", "x" * 200)
    assert shown == f' for event.data.k = "{"x" * 60}…"'


CONTROLS = {
    "rateLimit": FlowControl(rate_limit=RateLimit(limit=1, period_ms=60_000, key="event.data.k")),
    "idempotency": FlowControl(idempotency="event.data.k"),
    "debounce": FlowControl(debounce=Debounce(period_ms=60_000, key="event.data.k")),
    "batchEvents": FlowControl(batch=Batch(max_size=9, timeout_ms=60_000, key="event.data.k")),
    "singleton": FlowControl(singleton=Singleton(mode=SingletonMode.SKIP, key="event.data.k")),
    "throttle": FlowControl(throttle=Throttle(limit=1, period_ms=60_000, key="event.data.k")),
    "concurrency": FlowControl(concurrency=(Concurrency(limit=1, key="event.data.k"),)),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_keeps_whatever_its_key_is(control: str) -> None:
    for value, _ in ODD:
        world = World(a_function(flow=CONTROLS[control]))
        first, second = world.send(data={"k": value}), world.send(data={"k": value})
        if control in {"throttle", "concurrency"}:
            assert len(first.started) == len(second.started) == 1
            assert len(world.take()) == 1
        elif value is False and control in {"rateLimit", "idempotency"}:
            assert len(first.started) == len(second.started) == 1
        else:
            assert second.started == []
            assert [entry.decision.control.value for entry in second.decisions] == [control]
