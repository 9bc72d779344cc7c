"""Priority: in line, a run goes so many seconds ahead of its time, or it is due so much later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import inngest
import pytest
from support.open_calls import OpenCalls
from support.sdk_app import Lab, lab, new_client

from durable_engine import ManualClock, NewEvent, RunStatus

pytestmark = pytest.mark.anyio

T0 = 1_900_000_000_000
ONE = inngest.Concurrency(limit=1)


class Desk:
    """A function `serve` with a line of one; `event.data.priority` says who goes before whom."""

    def __init__(self, run: str = "event.data.priority", **options: Any) -> None:
        self.client = new_client()
        self.calls = OpenCalls()
        self.clock = ManualClock(T0)
        self.starts: dict[str, float] = {}
        options = {"concurrency": [ONE], "retries": 0} | options

        @self.client.create_function(
            fn_id="serve",
            trigger=inngest.TriggerEvent(event="t/serve"),
            priority=inngest.Priority(run=run),
            **options,
        )
        async def serve(ctx: inngest.Context) -> None:
            name = str(ctx.event.data["name"])
            self.starts.setdefault(name, (self.clock.now_ms() - T0) / 1_000)
            if ctx.event.data.get("steps"):
                await ctx.step.run("first", self.calls.work, f"{name}.first")
                await ctx.step.run("second", self.calls.work, f"{name}.second")
            else:
                await self.calls.work(name)

        self.functions = [serve]

    def open(self, data_file: Path | None = None) -> Any:
        return lab(self.client, self.functions, clock=self.clock, data_file=data_file)

    async def serve_all(self, it: Lab) -> list[str]:
        """Let everything end; return the names in the order in which they had their turn."""
        await self.calls.end_all()
        await it.engine.settle()
        return self.calls.begun


async def _come(it: Lab, name: str, priority: Any = 0, **data: Any) -> str:
    return await it.start("t/serve", {"name": name, "priority": priority, **data})


async def test_a_run_goes_ahead_of_those_queued_up_to_so_many_seconds_before_it() -> None:
    desk = Desk()
    async with desk.open() as it:
        await _come(it, "now")
        await desk.calls.are("now")
        await _come(it, "long ago")
        await it.clock.advance(61)
        await _come(it, "a while ago")
        await it.clock.advance(59)
        await _come(it, "just now")
        await _come(it, "in a hurry", 60)
        order = await desk.serve_all(it)
        assert order == ["now", "long ago", "in a hurry", "a while ago", "just now"]


async def test_of_runs_that_came_together_the_higher_priority_goes_first_and_equals_in_order() -> None:
    desk = Desk()
    async with desk.open() as it:
        await _come(it, "first")
        await desk.calls.are("first")
        for name, priority in (("a", 0), ("b", 10), ("c", 0), ("d", 20), ("e", 10)):
            await _come(it, name, priority)
        assert await desk.serve_all(it) == ["first", "d", "b", "e", "a", "c"]


async def test_a_negative_priority_delays_the_start_also_when_nobody_else_is_in_line() -> None:
    desk = Desk()
    async with desk.open() as it:
        await desk.calls.end_all()
        event = NewEvent(name="t/serve", data={"name": "late", "priority": -120})
        (started,) = (await it.engine.send_event(event)).started
        assert started.due_ms == T0 + 120_000
        await it.pass_time(119)
        await _come(it, "sooner")
        await it.pass_time(1)
        assert desk.starts == {"sooner": 119, "late": 120}


async def test_priorities_are_clipped_at_ten_minutes_either_way() -> None:
    desk = Desk()
    async with desk.open() as it:
        await _come(it, "first")
        await desk.calls.are("first")
        await _come(it, "601 s ago")
        await it.clock.advance(2)
        await _come(it, "599 s ago")
        await it.clock.advance(599)
        await _come(it, "in a hurry", 1_000_000)
        assert await desk.serve_all(it) == ["first", "601 s ago", "in a hurry", "599 s ago"]
        begin_s = (it.clock.now_ms() - T0) / 1_000
        await _come(it, "late", -1_000_000)
        await it.pass_time(600)
        assert desk.starts["late"] == begin_s + 600


@pytest.mark.parametrize("priority", [None, "60", "fast", True, [60], {"of": 60}, 1.5])
async def test_what_is_no_whole_number_counts_as_zero(priority: Any) -> None:
    desk = Desk()
    async with desk.open() as it:
        await _come(it, "first")
        await desk.calls.are("first")
        await _come(it, "second")
        await _come(it, "strange", priority)
        await _come(it, "ahead", 1)
        assert await desk.serve_all(it) == ["first", "ahead", "second", "strange"]


async def test_an_expression_makes_a_priority_of_anything() -> None:
    desk = Desk(run='event.data.plan == "enterprise" ? 600 : (event.data.plan == "free" ? -30 : 0)')
    async with desk.open() as it:
        await _come(it, "first")
        await desk.calls.are("first")
        for name, plan in (("free", "free"), ("pro", "pro"), ("big", "enterprise"), ("none", None)):
            await _come(it, name, plan=plan)
        assert await desk.serve_all(it) == ["first", "big", "pro", "none"]
        await it.pass_time(30)
        assert desk.starts["free"] == 30


async def test_all_calls_of_a_run_go_ahead_not_only_its_first() -> None:
    desk = Desk()
    async with desk.open() as it:
        await _come(it, "plain", steps=True)
        await desk.calls.are("plain.first")
        await _come(it, "hurry", 60, steps=True)
        order = await desk.serve_all(it)
        assert order == ["plain.first", "hurry.first", "hurry.second", "plain.second"]


async def test_priority_counts_within_each_key() -> None:
    desk = Desk(concurrency=[inngest.Concurrency(limit=1, key="event.data.user")])
    async with desk.open() as it:
        for user in ("a", "b"):
            await _come(it, f"{user} first", user=user)
        await desk.calls.are("a first", "b first")
        await _come(it, "a plain", user="a")
        await _come(it, "b plain", user="b")
        await _come(it, "a hurry", 60, user="a")
        await desk.calls.end("a first", "b first")
        await desk.calls.are("a hurry", "b plain")
        await desk.serve_all(it)


async def test_priority_decides_who_is_the_next_to_start_under_a_throttle() -> None:
    throttle = inngest.Throttle(limit=1, period=60_000)
    desk = Desk(concurrency=None, throttle=throttle)
    async with desk.open() as it:
        await desk.calls.end_all()
        for name, priority in (("first", 0), ("plain", 0), ("hurry", 300)):
            await _come(it, name, priority)
        await it.pass_time(300)
        assert desk.starts == {"first": 0, "hurry": 60, "plain": 120}


async def test_priority_alone_holds_nobody_up() -> None:
    desk = Desk(concurrency=None)
    async with desk.open() as it:
        runs = [await _come(it, name, priority) for name, priority in (("a", 0), ("b", 600))]
        await desk.calls.are("a", "b")
        await desk.serve_all(it)
        statuses = {(await it.engine.get_run(run_id)).status for run_id in runs}
        assert statuses == {RunStatus.COMPLETED}


async def test_a_run_for_a_time_to_come_does_not_start_before_it_whatever_its_priority() -> None:
    desk = Desk()
    async with desk.open() as it:
        await desk.calls.end_all()
        data = {"name": "later", "priority": 600}
        await it.start("t/serve", data, ts_ms=T0 + 60_000)
        await it.pass_time(60)
        assert desk.starts == {"later": 60}


async def test_places_in_line_survive_a_restart(tmp_path: Path) -> None:
    desk, data_file = Desk(), tmp_path / "engine.db"
    async with desk.open(data_file) as it:
        await _come(it, "first")
        await desk.calls.are("first")
        await _come(it, "plain")
        await _come(it, "late", -60)
        await _come(it, "hurry", 60)
    async with desk.open(data_file) as it:
        # The call that died is made again, and stands in line with the others until then.
        assert await desk.serve_all(it) == ["first", "hurry", "first", "plain"]
        await it.pass_time(60)
        assert desk.starts["late"] == 60
