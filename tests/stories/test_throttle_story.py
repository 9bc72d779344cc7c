"""Throttle: runs start spread over time, and those that come faster wait in line."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.deploys import deploy
from support.open_calls import OpenCalls, holds, standing
from support.sdk_app import Lab, lab, new_client

from durable_engine import ManualClock, NewEvent, RunStatus

pytestmark = pytest.mark.anyio

MINUTE = datetime.timedelta(minutes=1)
HOUR = datetime.timedelta(hours=1)
T0 = 1_900_000_000_000


def _per_minute(limit: int, **more: Any) -> inngest.Throttle:
    return inngest.Throttle(limit=limit, period=MINUTE, **more)


class Shop:
    """A function `order` that notes when each run of it starts, in seconds after the beginning."""

    def __init__(self, throttle: inngest.Throttle | None, **options: Any) -> None:
        self.client = new_client()
        self.clock = ManualClock(T0)
        self.starts: dict[str, float] = {}
        self.functions = [self.order(throttle, **options)]

    def order(self, throttle: inngest.Throttle | None, **options: Any) -> inngest.Function[Any]:
        @self.client.create_function(
            fn_id="order", trigger=inngest.TriggerEvent(event="t/order"), throttle=throttle, **options
        )
        async def order(ctx: inngest.Context) -> None:
            self.note(str(ctx.event.data["name"]))

        return order

    def note(self, name: str) -> None:
        assert name not in self.starts
        self.starts[name] = (self.clock.now_ms() - T0) / 1_000

    def open(self, *more: inngest.Function[Any], data_file: Path | None = None) -> Any:
        functions = [*self.functions, *more]
        return lab(self.client, functions, clock=self.clock, data_file=data_file)


async def _order(it: Lab, *names: str) -> list[str]:
    return [await it.start("t/order", {"name": name, "user": name[0]}) for name in names]


async def test_starts_are_spread_evenly_over_the_period_and_go_in_order() -> None:
    shop = Shop(_per_minute(3))
    async with shop.open() as it:
        await _order(it, "a", "b", "c", "d", "e")
        await it.pass_time(600)
        assert list(shop.starts.items()) == [("a", 0), ("b", 20), ("c", 40), ("d", 60), ("e", 80)]
        await _order(it, "f", "g")
        await it.pass_time(600)
        assert (shop.starts["f"], shop.starts["g"]) == (600, 620)  # a quiet time is not saved up


async def test_no_period_has_more_starts_than_the_limit_however_they_come() -> None:
    shop = Shop(_per_minute(3))
    async with shop.open() as it:
        for number, pause_s in enumerate((1, 0, 0.25, 30, 0, 7, 0, 19.999, 0, 60, 0, 0, 0, 59.999, 0, 0)):
            await _order(it, str(number))
            await it.pass_time(pause_s)
        await it.pass_time(3_600)
        times = list(shop.starts.values())
        assert len(times) == 16
        assert all(sum(begin <= time < begin + 60 for time in times) <= 3 for begin in times)


async def test_a_burst_lets_several_start_at_once_and_fills_again_with_time() -> None:
    shop = Shop(_per_minute(2, burst=3))
    async with shop.open() as it:
        await _order(it, "a", "b", "c", "d", "e")
        await it.pass_time(90)
        assert list(shop.starts.values()) == [0, 0, 0, 30, 60]
        await _order(it, "f", "g")
        await it.pass_time(300)
        assert (shop.starts["f"], shop.starts["g"]) == (90, 120)  # one place was free again
        await _order(it, "h", "i", "j", "k")
        await it.pass_time(60)
        assert [shop.starts[name] for name in "hijk"] == [390, 390, 390, 420]


async def test_each_value_of_a_key_has_a_throttle_of_its_own() -> None:
    shop = Shop(_per_minute(1, key="event.data.user"))
    async with shop.open() as it:
        await _order(it, "a1", "a2", "a3", "b1", "c1", "b2")
        await it.pass_time(600)
        assert shop.starts == {"a1": 0, "b1": 0, "c1": 0, "a2": 60, "b2": 60, "a3": 120}


async def test_what_waits_is_not_lost_however_long_it_takes() -> None:
    shop = Shop(inngest.Throttle(limit=1, period=HOUR))
    async with shop.open() as it:
        runs = await _order(it, *map(str, range(30)))
        await it.pass_time(29 * 3_600)
        assert list(shop.starts.values()) == [number * 3_600 for number in range(30)]
        statuses = {(await it.engine.get_run(run_id)).status for run_id in runs}
        assert statuses == {RunStatus.COMPLETED}


async def test_only_starts_are_throttled_not_steps_nor_sleeps_nor_retries() -> None:
    shop, failed = Shop(None), set[str]()

    @shop.client.create_function(
        fn_id="job", trigger=inngest.TriggerEvent(event="t/job"), throttle=_per_minute(1), retries=1
    )
    async def job(ctx: inngest.Context) -> None:
        name = str(ctx.event.data["name"])
        for step in ("one", "two"):
            await ctx.step.run(step, shop.note, f"{name}.{step}")
        await ctx.step.sleep_until("nap", datetime.datetime.fromtimestamp(T0 / 1_000 + 10, datetime.UTC))
        if name not in failed:
            failed.add(name)
            raise ConnectionError
        await ctx.group.parallel(
            tuple(
                lambda step=step: ctx.step.run(step, shop.note, f"{name}.{step}")
                for step in ("left", "right")
            )
        )

    async with shop.open(job) as it:
        runs = [await it.start("t/job", {"name": name}) for name in ("a", "b")]
        await it.pass_time(58)
        assert (await it.engine.get_run(runs[0])).status is RunStatus.COMPLETED
        assert (shop.starts["a.one"], shop.starts["a.two"]) == (0, 0)
        assert 25 <= shop.starts["a.left"] == shop.starts["a.right"] < 58
        await it.pass_time(2)
        assert (shop.starts["b.one"], shop.starts["b.two"]) == (60, 60)
        await it.pass_time(60)
        assert (await it.engine.get_run(runs[1])).status is RunStatus.COMPLETED


async def test_a_run_that_waits_longer_than_its_start_timeout_is_cancelled_and_uses_no_start() -> None:
    shop = Shop(_per_minute(1), timeouts=inngest.Timeouts(start=datetime.timedelta(seconds=90)))
    async with shop.open() as it:
        runs = await _order(it, "a", "b", "c")
        await it.pass_time(91)
        run = await it.engine.get_run(runs[2])
        assert run.status is RunStatus.CANCELLED
        assert (run.cancelled or "").startswith("because it did not start within timeouts.start of 1m 30s")
        await _order(it, "d")
        await it.pass_time(60)
        assert shop.starts == {"a": 0, "b": 60, "d": 120}


async def test_a_run_that_is_too_late_when_its_turn_comes_uses_no_start_either() -> None:
    shop = Shop(_per_minute(1), timeouts=inngest.Timeouts(start=datetime.timedelta(seconds=90)))
    async with shop.open() as it:
        runs = await _order(it, "a", "b", "c")
        await it.engine.settle()
        await it.clock.advance(600)  # as on a machine that slept
        await it.engine.settle()
        statuses = [(await it.engine.get_run(run_id)).status for run_id in runs]
        assert statuses == [RunStatus.COMPLETED, RunStatus.CANCELLED, RunStatus.CANCELLED]
        await _order(it, "d")
        await it.engine.settle()
        assert shop.starts == {"a": 0, "d": 600}


async def test_a_run_that_is_cancelled_in_line_uses_no_start() -> None:
    shop = Shop(_per_minute(1))
    async with shop.open() as it:
        runs = await _order(it, "a", "b", "c")
        await it.engine.settle()
        await it.engine.control.cancel(runs[1])
        await it.pass_time(60)
        assert shop.starts == {"a": 0, "c": 60}


async def test_a_run_for_a_time_to_come_uses_its_start_when_that_has_come() -> None:
    shop = Shop(_per_minute(1))
    async with shop.open() as it:
        await it.start("t/order", {"name": "later"}, ts_ms=T0 + 30_000)
        await _order(it, "a")
        await it.pass_time(60)
        assert shop.starts == {"a": 0, "later": 60}


async def test_invoked_and_repeated_runs_are_throttled_too() -> None:
    shop = Shop(_per_minute(1))

    @shop.client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> str:
        for name in ("one", "two"):
            await ctx.step.invoke_by_id(name, function_id="order", data={"name": name})
        return "done"

    async with shop.open(parent) as it:
        run_id = await it.start("t/parent")
        await it.pass_time(60)
        run = await it.engine.get_run(run_id)
        assert (run.status, run.output) == (RunStatus.COMPLETED, "done")
        (direct,) = (await it.engine.invoke_function("order", data={"name": "direct"})).started
        await it.pass_time(60)
        assert shop.starts == {"one": 0, "two": 60, "direct": 120}
        shop.starts.clear()
        await it.engine.control.rerun(direct.run_id)
        await it.pass_time(60)
        assert shop.starts == {"direct": 180}


async def test_a_start_that_waits_for_a_slot_is_not_used_up_meanwhile() -> None:
    shop, calls = Shop(None), OpenCalls()

    @shop.client.create_function(
        fn_id="job",
        trigger=inngest.TriggerEvent(event="t/job"),
        throttle=_per_minute(1),
        concurrency=[inngest.Concurrency(limit=1)],
    )
    async def job(ctx: inngest.Context) -> None:
        name = str(ctx.event.data["name"])
        shop.note(name)
        await calls.work(name)

    async with shop.open(job) as it:
        for name in ("a", "b", "c"):
            await it.start("t/job", {"name": name})
        await calls.are("a")
        await it.clock.advance(100)
        await calls.end("a")
        await calls.are("b")
        await calls.end_all()
        await it.pass_time(60)
        assert shop.starts == {"a": 0, "b": 100, "c": 160}


async def test_runs_that_wait_to_start_leave_the_slots_to_those_that_have_started() -> None:
    shop = Shop(None)

    @shop.client.create_function(
        fn_id="job",
        trigger=inngest.TriggerEvent(event="t/job"),
        throttle=_per_minute(1),
        concurrency=[inngest.Concurrency(limit=1)],
    )
    async def job(ctx: inngest.Context) -> None:
        name = str(ctx.event.data["name"])
        await ctx.step.run("begin", shop.note, f"{name}.begin")
        await ctx.step.wait_for_event("go", event="t/go", timeout=HOUR)
        await ctx.step.run("end", shop.note, f"{name}.end")

    async with shop.open(job) as it:
        runs = [await it.start("t/job", {"name": name}) for name in ("a", "b")]
        await it.pass_time(10)
        held = await standing(it, runs[1])
        assert held is not None
        assert held.kind == "throttle"
        await it.send("t/go")
        await it.pass_time(60)
        assert shop.starts == {"a.begin": 0, "a.end": 10, "b.begin": 60}
        await it.send("t/go")
        await it.engine.settle()


async def test_a_sync_with_another_throttle_holds_at_once_for_what_is_in_line() -> None:
    shop = Shop(inngest.Throttle(limit=1, period=HOUR))
    async with shop.open() as it:
        await _order(it, "a", "b", "c", "d")
        await it.pass_time(10)
        await deploy(it, shop.client, [shop.order(_per_minute(1))])
        await it.pass_time(3_600)
        assert shop.starts == {"a": 0, "b": 60, "c": 120, "d": 180}
    shop = Shop(inngest.Throttle(limit=1, period=HOUR))
    async with shop.open() as it:
        await _order(it, "a", "b", "c")
        await it.pass_time(10)
        await deploy(it, shop.client, [shop.order(None)])
        await it.engine.settle()
        assert shop.starts == {"a": 0, "b": 10, "c": 10}


@pytest.mark.parametrize(("away_s", "expected"), [(5, [0, 20, 40, 60]), (100, [0, 100, 120, 140])])
async def test_the_line_goes_on_after_a_restart(away_s: float, expected: list[float], tmp_path: Path) -> None:
    shop = Shop(_per_minute(3))
    async with shop.open(data_file=tmp_path / "engine.db") as it:
        await _order(it, "a", "b", "c", "d")
        await it.engine.settle()
        assert shop.starts == {"a": 0}
    shop.clock = ManualClock(T0 + round(away_s * 1_000))
    async with shop.open(data_file=tmp_path / "engine.db") as it:
        await it.pass_time(60)
        assert list(shop.starts.values()) == expected


async def test_a_first_call_that_died_is_made_again_at_once_as_its_run_has_started(tmp_path: Path) -> None:
    shop, calls = Shop(None), OpenCalls()

    @shop.client.create_function(
        fn_id="job", trigger=inngest.TriggerEvent(event="t/job"), throttle=_per_minute(1)
    )
    async def job(ctx: inngest.Context) -> None:
        await calls.work(str(ctx.event.data["name"]))

    async with shop.open(job, data_file=tmp_path / "engine.db") as it:
        for name in ("a", "b"):
            await it.start("t/job", {"name": name})
        await calls.are("a")
    async with shop.open(job, data_file=tmp_path / "engine.db") as it:
        await calls.are("a")
        await calls.end_all()
        await it.pass_time(60)
        assert calls.begun == ["a", "a", "b"]


async def test_the_receipt_says_that_a_run_waits_and_until_when() -> None:
    shop = Shop(_per_minute(2, key="event.data.user"))
    async with shop.open() as it:
        events = [NewEvent(name="t/order", data={"name": name, "user": "u1"}) for name in ("a", "b", "c")]
        first, second, third = [(await it.engine.send_event(event)).started[0] for event in events]
        assert first.held is None
        why = 'its throttle of 2 starts per 1m for event.data.user = "u1" has no start left now'
        assert second.held is not None
        assert second.held.startswith(why)
        await it.engine.settle()
        held = await standing(it, third.run_id)
        assert held is not None
        assert held.reason == f"{why}; 1 of its function's calls is in line before it"
        assert (held.kind, held.since_ms, held.until_ms) == ("throttle", T0, T0 + 60_000)

        await it.pass_time(60)
        assert shop.starts == {"a": 0, "b": 30, "c": 60}
        assert await holds(it, first.run_id) == []
        (entry,) = await holds(it, third.run_id)
        assert 'its throttle of 2 starts per 1m for event.data.user = "u1"' in entry.detail["by"]
        assert (entry.detail["since_ms"], entry.at_ms) == (T0, T0 + 60_000)


async def test_a_run_behind_one_that_the_throttle_holds_is_held_by_the_throttle() -> None:
    shop = Shop(_per_minute(1), concurrency=[inngest.Concurrency(limit=1)])
    async with shop.open() as it:
        runs = await _order(it, "a", "b", "c")
        await it.engine.settle()
        for number, run_id in enumerate(runs[1:], start=1):
            held = await standing(it, run_id)
            assert held is not None
            assert (held.kind, held.until_ms) == ("throttle", T0 + number * 60_000)
        await it.pass_time(120)
