"""Faults of flow control that a review had found: each test failed before it was mended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from engine_tables import World, a_function, an_event
from scripted_app import App, engine_for, registration, settle, start

from durable_engine import ManualClock, NewEvent, RunStatus, admission
from durable_engine.crons import plan_crons
from durable_engine.model.flow import Concurrency, FlowControl, Scope, Throttle
from durable_engine.model.function import Function, Trigger
from durable_engine.sdk.reply import failure
from durable_engine.storage.lane_table import LaneTable

pytestmark = pytest.mark.anyio
DAY_S = 86_400
FEW_KEYS = FlowControl(concurrency=(Concurrency(limit=2), Concurrency(limit=1, key="event.data.u")))


def _registration(**flow: Any) -> dict[str, Any]:
    body = registration("job")
    body["functions"][0] |= flow
    return body


async def test_events_that_come_during_a_sync_hold_nothing_up() -> None:
    clock = ManualClock()
    async with engine_for(App(), clock=clock) as engine:
        await engine.register_app(_registration(throttle={"limit": 1, "period": "1h"}))
        await start(engine)
        await settle(engine)
        events = [engine.send_event(NewEvent(name="t/job")) for _ in range(3)]
        await asyncio.gather(
            engine.register_app(_registration(throttle={"limit": 10, "period": "1s"})), *events
        )
        later = [await start(engine) for _ in range(5)]
        for _ in range(20):
            await settle(engine)
            await clock.advance(0.1)
        await settle(engine)
        assert {(await engine.get_run(run_id)).status for run_id in later} == {RunStatus.COMPLETED}


async def test_a_pause_and_its_end_wake_the_loop() -> None:
    async with engine_for(App()) as engine:
        woken: list[str] = []
        engine._keeper._changed = lambda: woken.append("woken")
        await engine.pause_function("job")
        assert len(woken) == 1
        await engine.resume_function("job")
        assert len(woken) == 2


async def test_a_resume_that_nobody_waits_for_any_more_is_carried_out_whole() -> None:
    app = App()
    async with engine_for(app) as engine:
        await engine.pause_function("job")
        task = asyncio.create_task(engine.resume_function("job"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stored = await engine._database.transact(lambda tables: tables.registry.functions()[0].is_paused)
        assert engine._keeper.registry.find("job").is_paused is stored


def test_a_sync_with_the_same_rate_in_other_words_is_told_in_these() -> None:
    world = World(a_function(flow=FlowControl(throttle=Throttle(limit=1, period_ms=1_000))))
    world.start()
    world.take()
    world.sync(a_function(flow=FlowControl(throttle=Throttle(limit=60, period_ms=60_000))))
    run_id = world.start()
    world.take()
    run = world.run(run_id)
    assert run.lane_id is not None
    (gate,) = world.tables.lanes.gates(run.lane_id)
    assert gate.rule.words == "its throttle of 60 starts per 1m"


def test_a_schedule_goes_on_after_a_clock_that_was_ahead() -> None:
    function = replace(a_function(), triggers=(Trigger(cron="* * * * *"),))
    world = World(function)
    for ahead_ms, skips in ((365 * DAY_S * 1_000, False), (0, True)):
        now_ms = world.now_ms + ahead_ms
        with world.transaction():
            plan_crons(world.tables, [function], now_ms=now_ms, skips_missed=skips)
    next_ms = world.next_due_ms()
    assert next_ms is not None
    assert next_ms <= world.now_ms + 60_000


def test_a_tick_that_its_jitter_has_put_off_is_kept_over_a_restart() -> None:
    function = replace(a_function(), triggers=(Trigger(cron="0 0 * * *", jitter_ms=300_000),))
    world = World(function)
    with world.transaction():
        plan_crons(world.tables, [function], now_ms=world.now_ms)
    due_ms = world.next_due_ms()
    assert due_ms is not None
    with world.transaction():
        plan_crons(world.tables, [function], now_ms=due_ms - 1, skips_missed=True)
    assert world.next_due_ms() == due_ms


def test_ends_of_runs_leave_no_record_with_each_failure_handler_that_they_are_not_for() -> None:
    handlers = [
        replace(
            a_function(f"h{number}"),
            triggers=(
                Trigger(event="inngest/function.failed", expression=f"event.data.function_id == 'x{number}'"),
            ),
        )
        for number in range(3)
    ]
    world = World(a_function(retries=0), *handlers)
    world.start()
    world.answer(world.take_one(), failure("ValueError", "no", is_retriable=False))
    assert world.connection.execute("SELECT count(*) FROM event_decision").fetchone()[0] == 0


def _queue(function: Function, keys: int) -> World:
    world = World(function)
    for number in range(keys):
        world.ingest(an_event("t/job", {"u": f"u{number}"}, at_ms=world.now_ms))
    return world


def test_one_transaction_looks_at_a_bounded_number_of_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_MOST_LOOKS", 10)
    world = _queue(a_function(flow=FEW_KEYS), 50)
    assert len(world.take(limit=5)) == 2
    assert world.next_due_ms() == world.now_ms  # the others are looked at next
    for _ in range(10):
        assert world.take(limit=5) == []
    assert world.next_due_ms() is None


def test_a_gate_that_is_full_is_not_searched_for_whom_to_invite(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    parked = LaneTable.parked

    def count(self: LaneTable, gate_id: int, *, running: int) -> int | None:
        searched.append(gate_id)
        return parked(self, gate_id, running=running)

    monkeypatch.setattr(LaneTable, "parked", count)
    world = _queue(a_function(flow=FEW_KEYS), 100)
    world.take()
    assert len(searched) < 300  # each lane's own gate, which is open


def test_a_function_with_a_larger_shared_limit_is_invited_while_the_others_wait() -> None:
    def shared(name: str, limit: int) -> Function:
        entry = Concurrency(limit=limit, key='"api"', scope=Scope.ACCOUNT)
        return a_function(name, flow=FlowControl(concurrency=(entry,)))

    world = World(shared("small", 1), shared("large", 3))
    for name in ("small", "small", "large", "large", "large"):
        world.start(f"t/{name}")
    taken = [world.run(work.item.run_id).function_id for work in world.take()]
    large = shared("large", 3).id
    assert len(taken) == 3
    assert taken.count(large) == 2
