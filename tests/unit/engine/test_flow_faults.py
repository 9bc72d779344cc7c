"""Faults of flow control that were found by reading it or by the properties, each in its smallest form."""

from __future__ import annotations

from engine_tables import World, a_function

from durable_engine.model.flow import (
    Concurrency,
    Debounce,
    FlowControl,
    RateLimit,
    Scope,
    Singleton,
    SingletonMode,
    Throttle,
)
from durable_engine.model.history import HistoryKind
from durable_engine.model.reply import Returned
from durable_engine.model.status import RunStatus

MINUTE_MS = 60_000
_ONE_A_MINUTE = Throttle(limit=1, period_ms=MINUTE_MS)


def test_a_call_that_a_crash_interrupts_is_made_again_without_another_start_of_the_throttle() -> None:
    world = World(a_function(flow=FlowControl(throttle=_ONE_A_MINUTE)))
    run_id = world.start()
    world.take_one()
    world.crash()
    assert world.take_one().item.run_id == run_id


def test_calls_that_are_put_aside_while_a_function_is_paused_use_up_no_starts_of_its_throttle() -> None:
    world = World(a_function(flow=FlowControl(throttle=_ONE_A_MINUTE)))
    (function,) = world.registry.functions
    runs = [world.start(), world.start()]
    world.pause(function, is_paused=True)
    assert world.take() == []
    world.pause(function, is_paused=False)
    assert world.take_one().item.run_id == runs[0]
    assert world.next_due_ms() == world.now_ms + MINUTE_MS


def test_all_events_of_a_debounce_are_dropped_with_the_reason_that_its_start_is_declined_for() -> None:
    flow = FlowControl(debounce=Debounce(period_ms=1_000), singleton=Singleton(mode=SingletonMode.SKIP))
    world = World(a_function(flow=flow))
    world.send()
    world.now_ms += 1_000
    first = world.take_one()
    events = [decision.event_id for _ in range(3) for decision in world.send().decisions]
    world.now_ms += 1_000
    assert world.take() == []
    for event_id in events:
        promised, outcome = (entry.decision for entry in world.tables.decisions.of_event(event_id))
        assert (promised.control, outcome.kind, outcome.control) == ("debounce", "drop", "singleton")
        assert first.item.run_id in outcome.reason
    world.answer(first, Returned(data=None))
    assert world.run(first.item.run_id).status is RunStatus.COMPLETED


def _shared(limit: int, key: str) -> FlowControl:
    return FlowControl(concurrency=(Concurrency(limit=limit, key=key, scope=Scope.ACCOUNT),))


def test_a_shared_limit_holds_although_a_sync_writes_its_key_in_another_way() -> None:
    world = World(a_function(flow=_shared(1, '"api"')))
    world.start()
    world.sync(a_function(flow=_shared(1, "'api'")))
    world.start()
    world.start()
    assert len(world.take()) == 1


def test_of_two_limits_for_the_same_calls_the_stricter_counts_after_a_sync_too() -> None:
    def flow(other: int) -> FlowControl:
        return FlowControl(concurrency=(Concurrency(limit=1), Concurrency(limit=other)))

    world = World(a_function(flow=flow(2)))
    for _ in range(3):
        world.start()
    world.sync(a_function(flow=flow(3)))
    assert len(world.take()) == 1


def test_a_sync_that_raises_a_throttle_holds_nobody_up_for_as_long_as_the_old_one() -> None:
    world = World(a_function(flow=FlowControl(throttle=Throttle(limit=1, period_ms=1_440 * MINUTE_MS))))
    world.start()
    world.start()
    assert len(world.take()) == 1
    world.sync(a_function(flow=FlowControl(throttle=_ONE_A_MINUTE)))
    assert world.take() == []
    world.now_ms += MINUTE_MS
    assert len(world.take()) == 1


def test_a_sync_that_raises_a_rate_limit_drops_nothing_for_as_long_as_the_old_one() -> None:
    world = World(a_function(flow=FlowControl(rate_limit=RateLimit(limit=1, period_ms=1_440 * MINUTE_MS))))
    world.start()
    world.sync(a_function(flow=FlowControl(rate_limit=RateLimit(limit=1, period_ms=MINUTE_MS))))
    assert world.send().started == []
    world.now_ms += MINUTE_MS
    assert len(world.send().started) == 1


def test_a_start_that_a_bug_of_ours_keeps_from_coming_holds_up_no_other_work() -> None:
    world = World(a_function(flow=FlowControl(debounce=Debounce(period_ms=1_000, key="event.data.k"))))
    world.send(data={"k": "a"})
    world.connection.execute("UPDATE appointment SET event_id = 'none'")
    world.send(data={"k": "b"})
    world.now_ms += 1_000
    assert len(world.take()) == 1
    assert world.next_due_ms() == world.now_ms + MINUTE_MS


def test_of_lanes_that_come_to_wait_at_once_that_with_the_oldest_call_is_served_first() -> None:
    key = Concurrency(limit=1, key="event.data.k")
    shared = Concurrency(limit=1, key='"all"', scope=Scope.ACCOUNT)
    world = World(a_function(flow=FlowControl(concurrency=(key, shared))))
    world.start(data={"k": "a"})
    world.answer(world.take_one(), Returned(data=None))
    older = world.start(data={"k": "b"})
    world.now_ms += 1
    world.start(data={"k": "a"})
    assert world.take_one().item.run_id == older


def test_what_held_the_last_call_in_line_is_in_the_history_of_its_run() -> None:
    world = World(a_function(flow=FlowControl(concurrency=(Concurrency(limit=1),))))
    world.start()
    run_id = world.start()
    first = world.take_one()
    world.now_ms += MINUTE_MS
    world.answer(first, Returned(data=None))
    assert world.take_one().item.run_id == run_id
    (held,) = [entry for entry in world.tables.history.of_run(run_id) if entry.kind is HistoryKind.HELD]
    assert held.detail == {"by": "its concurrency limit of 1 call", "since_ms": world.now_ms - MINUTE_MS}


def test_calls_that_a_crash_interrupts_are_made_again_under_limits_that_came_meanwhile() -> None:
    world = World(a_function())
    world.start()
    world.start()
    assert len(world.take()) == 2
    world.sync(a_function(flow=FlowControl(concurrency=(Concurrency(limit=1),))))
    world.crash()
    assert len(world.take()) == 1


def test_a_lane_whose_runs_were_cancelled_hands_its_turn_on() -> None:
    shared = Concurrency(limit=1, key='"all"', scope=Scope.ACCOUNT)
    world = World(
        a_function(flow=FlowControl(concurrency=(shared, Concurrency(limit=1, key="event.data.k"))))
    )
    world.start(data={"k": "a"})
    first = world.take_one()
    cancelled, waiting = (world.start(data={"k": key}) for key in "bc")
    assert world.take() == []
    world.cancel(cancelled)
    world.answer(first, Returned(data=None))
    assert world.take_one().item.run_id == waiting
