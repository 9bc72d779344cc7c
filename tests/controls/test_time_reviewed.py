"""Where the time of a run and that of the engine meet: what went wrong there once."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import replace
from typing import Any

import inngest
import pytest
from support.sdk_app import lab, new_client
from support.wall import wall_ms

from durable_engine import Conditions, ManualClock, NewEvent, PlannedEvent, RealClock, RunStatus
from durable_engine.lifecycle.app_time import AppTime, in_run_time
from durable_engine.model.double import MockEvent, NewDouble
from durable_engine.model.op import Invoke, Sleep, StepRef, WaitForEvent, WaitForSignal
from durable_engine.model.reply import Ops
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.runner import run_scenario

pytestmark = pytest.mark.anyio

SKIP = Conditions(skips_time=True)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def _clock() -> ManualClock:
    return ManualClock(wall_ms(), wall=wall_ms)


def _nap_and_work(client: inngest.Inngest) -> Any:
    @client.create_function(fn_id="nap", trigger=inngest.TriggerEvent(event="t/nap"))
    async def nap(ctx: inngest.Context) -> str:
        async def work() -> str:
            return "done"

        await ctx.step.sleep("month", datetime.timedelta(days=30))
        return await ctx.step.run("work", work)

    return nap


async def test_a_slow_reply_is_slow_in_the_time_of_the_run() -> None:
    client = new_client()
    async with lab(client, [_nap_and_work(client)], clock=_clock()) as it:
        verdict = await run_scenario(
            it.engine,
            read_scenario(
                {"event": "t/nap", "faults": [{"stepId": "work", "kind": "slow_reply", "delay": "2h"}]}
            ),
        )
        run = verdict.run
        assert run is not None
        assert run.output == "done"
        assert run.skipped_ms == pytest.approx(30 * DAY_MS + 2 * HOUR_MS, abs=60_000)
        entries = await it.engine._database.read(lambda tables: tables.history.of_run(run.id))
        times = [entry.at_ms for entry in entries]
        assert times == sorted(times)


async def test_a_standing_double_counts_its_time_like_the_engine_for_waits_too() -> None:
    client = new_client()

    @client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event="t/waits"))
    async def waits(ctx: inngest.Context) -> Any:
        await ctx.step.sleep("month", datetime.timedelta(days=30))
        found = await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=9))
        return found and found.data

    async with lab(client, [waits], clock=_clock()) as it:
        await it.engine.doubles.add(
            NewDouble(outcomes=(MockEvent(data={"n": 1}),), step="go", function="waits"), lasts_ms=HOUR_MS
        )
        receipt = await it.engine.send_event(NewEvent(name="t/waits"), under=SKIP)
        assert (await it.settle(receipt.started[0].run_id)).output == {"n": 1}


async def test_a_planned_event_whose_time_has_come_while_the_app_works_keeps_nothing_busy() -> None:
    client, gate, entered = new_client(), asyncio.Event(), asyncio.Event()

    @client.create_function(fn_id="busy", trigger=inngest.TriggerEvent(event="t/busy"))
    async def busy(ctx: inngest.Context) -> str:
        entered.set()
        await gate.wait()
        return "done"

    async with lab(client, [busy], clock=RealClock()) as it:
        conditions = Conditions(events=(PlannedEvent(name="t/x", after_ms=1),))
        receipt = await it.engine.send_event(NewEvent(name="t/busy"), under=conditions)
        await entered.wait()
        looks = 0
        run_once = it.engine._dispatcher.run_once

        async def counted() -> int | None:
            nonlocal looks
            looks += 1
            return await run_once()

        it.engine._dispatcher.run_once = counted  # type: ignore[method-assign]
        await asyncio.sleep(0.5)
        gate.set()
        run = await it.settle(receipt.started[0].run_id)
        assert run.status is RunStatus.COMPLETED
        assert looks < 10


async def test_a_planned_event_does_not_keep_busy_what_rests_with_a_paused_function() -> None:
    client = new_client()
    async with lab(client, [_nap_and_work(client)], clock=RealClock()) as it:
        conditions = Conditions(events=(PlannedEvent(name="t/x", after_ms=31 * DAY_MS),))
        await it.engine.send_event(NewEvent(name="t/nap"), under=conditions)
        await it.engine.time.advance(by_ms=26 * DAY_MS, patience_s=10)
        await it.engine.pause_function("nap")
        advance = await it.engine.time.advance(by_ms=6 * DAY_MS, patience_s=3)
        assert advance.is_complete


async def test_a_planned_event_starts_other_functions_at_once_too() -> None:
    client = new_client()

    @client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event="t/waits"))
    async def waits(ctx: inngest.Context) -> Any:
        found = await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=9))
        return found and "found"

    @client.create_function(fn_id="hears", trigger=inngest.TriggerEvent(event="t/go"))
    async def hears(ctx: inngest.Context) -> str:
        return "heard"

    async with lab(client, [waits, hears], clock=_clock()) as it:
        conditions = Conditions(skips_time=True, events=(PlannedEvent(name="t/go", after_ms=7 * DAY_MS),))
        receipt = await it.engine.send_event(NewEvent(name="t/waits"), under=conditions)
        run = await it.settle(receipt.started[0].run_id)
        assert run.output == "found"
        other = await it.engine._database.read(
            lambda tables: tables.runs.open_of_function(it.engine.records.function("hears").id)
        )
        assert other == []


async def test_skip_to_what_comes_next_waits_for_the_call_that_is_open() -> None:
    client, gate, entered = new_client(), asyncio.Event(), asyncio.Event()

    @client.create_function(fn_id="work", trigger=inngest.TriggerEvent(event="t/work"))
    async def work(ctx: inngest.Context) -> str:
        entered.set()
        await gate.wait()
        await ctx.step.sleep("nap", datetime.timedelta(days=1))
        await ctx.step.sleep("nap-2", datetime.timedelta(days=1))
        return "up"

    async with lab(client, [work], clock=RealClock()) as it:
        run_id = await it.start("t/work")
        await entered.wait()
        skip = asyncio.create_task(it.engine.time.skip(run_id, patience_s=10))
        await asyncio.sleep(0.05)
        gate.set()
        advance = await skip
        assert advance.now_ms - advance.from_ms == pytest.approx(DAY_MS, abs=60_000)
        assert [fired.step_name for fired in advance.fired] == ["nap"]


async def test_an_invoked_run_that_was_debounced_has_the_time_of_its_parent() -> None:
    client = new_client()

    @client.create_function(
        fn_id="calm",
        trigger=inngest.TriggerEvent(event="t/calm"),
        debounce=inngest.Debounce(period=datetime.timedelta(hours=2)),
    )
    async def calm(ctx: inngest.Context) -> str:
        await ctx.step.sleep("long", datetime.timedelta(hours=10))
        return "calm"

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        first = ctx.step.invoke("ask", function=calm, timeout=datetime.timedelta(days=5))
        return await first

    async with lab(client, [calm, parent], clock=_clock()) as it:
        run_id = await it.start("t/parent")
        await it.engine.settle()
        await it.engine.time.skip(run_id, by_ms=HOUR_MS, patience_s=5)
        await it.pass_time(3 * 3600)
        advance = await it.engine.time.skip(run_id, to_end=True, patience_s=5)
        run = await it.settle(run_id)
        assert run.output == "calm", run
        assert advance.has_ended


async def test_dates_until_which_an_app_waits_are_moved_like_those_of_sleeps() -> None:
    wall = 1_800_000_000_123
    clock = AppTime(sent_ms=wall, answered_ms=wall + 20, lead_ms=30 * DAY_MS)
    ref = StepRef(id="1", name="wait")
    week = _iso(wall + 5 + 7 * DAY_MS)
    moved = _iso(wall + 5 + 37 * DAY_MS)
    ops = (
        WaitForEvent(step=ref, event_name="t/x", expression=None, timeout=week),
        WaitForSignal(step=ref, signal="s", timeout=week),
        Invoke(step=ref, function="f", data={}, user={}, timeout=week),
    )
    reply = in_run_time(Ops(ops=ops, sdk_version=2), clock)
    assert isinstance(reply, Ops)
    assert [op.timeout for op in reply.ops] == [moved] * 3  # type: ignore[union-attr]
    same = Ops(ops=tuple(replace(op, timeout=timeout) for op in ops for timeout in ("7d", None)))
    assert in_run_time(same, clock) == same


async def test_a_date_at_the_end_of_all_time_is_no_fault() -> None:
    wall = 1_800_000_000_990
    clock = AppTime(sent_ms=wall, answered_ms=wall + 20, lead_ms=30 * DAY_MS)
    never = Sleep(step=StepRef(id="1", name="wait"), until="9999-12-31T23:59:59.999Z")
    reply = Ops(ops=(never,))
    assert in_run_time(reply, clock) == reply


def _iso(ms: int) -> str:
    moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_time_stops_to_move_when_the_process_is_about_to_stop() -> None:
    client, gate, entered = new_client(), asyncio.Event(), asyncio.Event()

    @client.create_function(fn_id="stuck", trigger=inngest.TriggerEvent(event="t/stuck"))
    async def stuck(ctx: inngest.Context) -> str:
        await ctx.step.sleep("nap", datetime.timedelta(days=1))
        entered.set()
        await gate.wait()
        return "up"

    async with lab(client, [stuck], clock=RealClock()) as it:
        run_id = await it.start("t/stuck")
        await it.settle(run_id)
        advancing = asyncio.create_task(it.engine.time.advance(by_ms=3 * DAY_MS, patience_s=20))
        await entered.wait()
        it.engine.release_waiters()
        advance = await advancing
        assert not advance.is_complete
        assert advance.now_ms - advance.from_ms == pytest.approx(DAY_MS, abs=60_000)
        assert advance.open_calls == (run_id,)
        gate.set()
        await it.engine.wait_for_runs([run_id], timeout_s=1)


async def test_the_open_calls_of_other_runs_are_not_those_of_a_run_that_skips() -> None:
    client, gate, entered = new_client(), asyncio.Event(), asyncio.Event()

    @client.create_function(fn_id="busy", trigger=inngest.TriggerEvent(event="t/busy"))
    async def busy(ctx: inngest.Context) -> None:
        entered.set()
        await gate.wait()

    @client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event="t/waits"))
    async def waits(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=365))

    async with lab(client, [busy, waits], clock=RealClock()) as it:
        run_id = await it.start("t/waits")
        await it.settle(run_id)
        other = await it.start("t/busy")
        await entered.wait()
        advance = await it.engine.time.skip(run_id, to_end=True, patience_s=0.2)
        assert not advance.is_complete
        assert advance.open_calls == ()
        gate.set()
        await it.settle(other)


async def test_the_patience_of_a_skip_holds_for_all_that_it_waits_for() -> None:
    client, gates = new_client(), [asyncio.Event(), asyncio.Event()]
    entered: asyncio.Queue[None] = asyncio.Queue()

    @client.create_function(fn_id="busy", trigger=inngest.TriggerEvent(event="t/busy"))
    async def busy(ctx: inngest.Context) -> None:
        gate = gates[gates[0].is_set()]
        entered.put_nowait(None)
        await gate.wait()
        await ctx.step.sleep("day", datetime.timedelta(days=1))

    async with lab(client, [busy], clock=_clock()) as it:
        run_id = await it.start("t/busy")
        await entered.get()
        skip = asyncio.create_task(it.engine.time.skip(run_id, patience_s=5))
        await it.clock.somebody_waits()  # type: ignore[union-attr]
        await it.clock.advance(3)
        gates[0].set()
        await entered.get()  # the call after the sleep, which time has jumped over
        await it.clock.advance(2)
        advance = await asyncio.wait_for(skip, 5)
        assert [fired.step_name for fired in advance.fired] == ["day"]
        gates[1].set()
        await it.settle(run_id)


async def test_a_call_elsewhere_keeps_nobody_waiting_for_a_run_at_rest() -> None:
    client, gate = new_client(), asyncio.Event()

    @client.create_function(fn_id="hangs", trigger=inngest.TriggerEvent(event="t/hang"))
    async def hangs(ctx: inngest.Context) -> None:
        await gate.wait()

    @client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event="t/wait"))
    async def waits(ctx: inngest.Context) -> Any:
        await ctx.step.sleep("nap", datetime.timedelta(days=2))
        found = await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=365))
        await ctx.step.sleep("after", datetime.timedelta(days=2))
        return found and found.data

    async with lab(client, [hangs, waits], clock=RealClock()) as it:
        await it.start("t/hang")
        scenario = read_scenario({"event": "t/wait", "timeout": 3_600})
        async with asyncio.timeout(60):
            verdict = await run_scenario(it.engine, scenario)
        assert verdict.is_at_rest
        assert verdict.run is not None
        run_id = verdict.run.id

        # Its time may be moved while it rests, and jumps by itself again when it goes on.
        async with asyncio.timeout(60):
            advance = await it.engine.time.skip(run_id, by_ms=86_400_000, patience_s=3_600)
        assert advance.is_complete
        assert advance.now_ms - advance.from_ms == pytest.approx(86_400_000, abs=60_000)
        await it.send("t/go", {"n": 1})
        run = (await it.engine.wait_for_runs([run_id], timeout_s=20))[run_id]
        assert run.output == {"n": 1}
        gate.set()


async def test_what_comes_next_for_a_run_that_is_about_to_be_called_is_what_the_call_asks_for() -> None:
    client = new_client()
    async with lab(client, [_nap_and_work(client)], clock=_clock()) as it:
        async with it.engine._dispatcher.held():  # nothing is called yet
            run_id = await it.start("t/nap")
            skipping = asyncio.create_task(it.engine.time.skip(run_id, patience_s=20))
            for _ in range(3):
                await it.engine._database.transact(lambda _: None)
        advance = await skipping
        assert advance.is_complete
        assert advance.now_ms - advance.from_ms == pytest.approx(30 * DAY_MS, abs=60_000)
