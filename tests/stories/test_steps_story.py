"""Stories about steps, on the real Python SDK."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

import inngest
import pytest
from support.sdk_app import lab, new_client

from durable_engine import RunStatus, StepKind, StepStatus

pytestmark = pytest.mark.anyio


async def test_a_function_without_steps_returns_its_value_in_one_call() -> None:
    client = new_client()

    @client.create_function(fn_id="plain", trigger=inngest.TriggerEvent(event="t/plain"))
    async def plain(ctx: inngest.Context) -> Any:
        return {"got": ctx.event.data["n"], "name": ctx.event.name}

    async with lab(client, [plain]) as it:
        run = await it.settle(await it.start("t/plain", {"n": 7}))

        assert run.status is RunStatus.COMPLETED
        assert run.output == {"got": 7, "name": "t/plain"}
        assert run.steps == ()
        assert it.network.calls == 1


async def test_sequential_steps_run_once_each_and_keep_their_results() -> None:
    client, ran = new_client(), Counter[str]()

    @client.create_function(fn_id="seq", trigger=inngest.TriggerEvent(event="t/seq"))
    async def sequential(ctx: inngest.Context) -> Any:
        async def body(name: str) -> Any:
            ran[name] += 1
            return {"step": name, "float": 1.0, "null": None}

        first = await ctx.step.run("first", body, "first")
        second = await ctx.step.run("second", body, "second")
        return [first, second]

    async with lab(client, [sequential]) as it:
        run = await it.settle(await it.start("t/seq"))

        assert run.status is RunStatus.COMPLETED
        assert [step.name for step in run.steps] == ["first", "second"]
        assert run.steps[0].output == {"step": "first", "float": 1.0, "null": None}
        assert isinstance(run.steps[0].output["float"], float)
        assert ran == {"first": 1, "second": 1}


async def test_a_step_id_repeated_in_a_loop_is_a_step_of_its_own_each_time() -> None:
    client = new_client()

    @client.create_function(fn_id="loop", trigger=inngest.TriggerEvent(event="t/loop"))
    async def loop(ctx: inngest.Context) -> Any:
        async def square(number: int) -> int:
            return number * number

        return [await ctx.step.run("square", square, number) for number in range(4)]

    async with lab(client, [loop]) as it:
        run = await it.settle(await it.start("t/loop"))

        assert run.output == [0, 1, 4, 9]
        assert [(step.name, step.index) for step in run.steps] == [
            ("square", 0),
            ("square", 1),
            ("square", 2),
            ("square", 3),
        ]
        assert len({step.id for step in run.steps}) == 4


async def test_parallel_steps_run_once_each_and_join_before_the_function_goes_on() -> None:
    client, ran = new_client(), Counter[str]()

    @client.create_function(fn_id="par", trigger=inngest.TriggerEvent(event="t/par"))
    async def parallel(ctx: inngest.Context) -> Any:
        async def body(name: str) -> str:
            ran[name] += 1
            return name

        both = await ctx.group.parallel(
            (
                lambda: ctx.step.run("left", body, "left"),
                lambda: ctx.step.run("right", body, "right"),
                lambda: ctx.step.sleep("pause", datetime.timedelta(hours=1)),
            )
        )
        after = await ctx.step.run("after", body, "after")
        return [*both, after]

    async with lab(client, [parallel]) as it:
        run_id = await it.start("t/par")
        run = await it.settle(run_id)
        assert run.status is RunStatus.RUNNING
        assert ran == {"left": 1, "right": 1}
        assert [wait.kind for wait in run.waiting_for] == ["sleep"]

        run = await it.advance(3_660, run_id)

        assert run.status is RunStatus.COMPLETED
        assert run.output == ["left", "right", None, "after"]
        assert ran == {"left": 1, "right": 1, "after": 1}


async def test_a_hundred_parallel_steps_all_run_once() -> None:
    client, ran = new_client(), Counter[int]()

    @client.create_function(fn_id="wide", trigger=inngest.TriggerEvent(event="t/wide"))
    async def wide(ctx: inngest.Context) -> Any:
        async def body(number: int) -> int:
            ran[number] += 1
            return number

        def step(number: int) -> Any:
            return lambda: ctx.step.run("part", body, number)

        return sum(await ctx.group.parallel(tuple(step(number) for number in range(100))))

    async with lab(client, [wide]) as it:
        run = await it.settle(await it.start("t/wide"))

        assert run.output == sum(range(100))
        assert set(ran.values()) == {1}
        assert len(ran) == 100


async def test_a_sleep_holds_the_run_until_its_time_and_not_longer() -> None:
    client = new_client()

    @client.create_function(fn_id="nap", trigger=inngest.TriggerEvent(event="t/nap"))
    async def nap(ctx: inngest.Context) -> str:
        await ctx.step.sleep("three-days", datetime.timedelta(days=3))
        return "awake"

    async with lab(client, [nap]) as it:
        run_id = await it.start("t/nap")
        run = await it.settle(run_id)
        (wait,) = run.waiting_for
        assert (wait.kind, wait.step_name) == ("sleep", "three-days")
        assert run.steps[0].kind is StepKind.SLEEP
        assert run.steps[0].status is StepStatus.WAITING

        run = await it.advance(3 * 86_400 - 60, run_id)
        assert run.status is RunStatus.RUNNING

        run = await it.advance(120, run_id)
        assert run.status is RunStatus.COMPLETED
        assert run.output == "awake"
        assert run.waiting_for == ()


async def test_sleep_until_a_past_date_goes_on_at_once() -> None:
    client = new_client()

    @client.create_function(fn_id="past", trigger=inngest.TriggerEvent(event="t/past"))
    async def past(ctx: inngest.Context) -> str:
        await ctx.step.sleep_until("past", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        return "done"

    async with lab(client, [past]) as it:
        run = await it.settle(await it.start("t/past"))

        assert run.status is RunStatus.COMPLETED


async def test_a_wait_of_more_than_a_year_ends_the_run_with_the_limit() -> None:
    client = new_client()

    @client.create_function(fn_id="long", trigger=inngest.TriggerEvent(event="t/long"))
    async def long(ctx: inngest.Context) -> None:
        await ctx.step.sleep("too-long", datetime.timedelta(days=4000))

    async with lab(client, [long]) as it:
        run = await it.settle(await it.start("t/long"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "InngestErrTimeoutTooLong"
        assert "366 days" in run.error["message"]


async def test_a_function_that_is_not_async_has_the_same_steps() -> None:
    client, ran = new_client(), Counter[str]()

    @client.create_function(fn_id="sync", trigger=inngest.TriggerEvent(event="t/sync"))
    def work(ctx: inngest.ContextSync) -> Any:
        def body(name: str) -> str:
            ran[name] += 1
            if name == "flaky" and ctx.attempt == 0:
                raise ConnectionError("not yet")
            return name

        first = ctx.step.run("first", body, "first")
        both = ctx.group.parallel(
            (lambda: ctx.step.run("a", body, "a"), lambda: ctx.step.run("flaky", body, "flaky"))
        )
        ctx.step.sleep("nap", datetime.timedelta(hours=1))
        found = ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(hours=1))
        return [first, *both, found]

    async with lab(client, [work]) as it:
        run_id = await it.start("t/sync")
        await it.advance(45, run_id)
        await it.advance(3_700, run_id)
        run = await it.advance(3_700, run_id)

        assert (run.status, run.output) == (RunStatus.COMPLETED, ["first", "a", "flaky", None])
        assert ran == {"first": 1, "a": 1, "flaky": 2}


async def test_sleep_until_a_date_ends_then() -> None:
    client, until = new_client(), list[datetime.datetime]()

    @client.create_function(fn_id="until", trigger=inngest.TriggerEvent(event="t/until"))
    async def sleeper(ctx: inngest.Context) -> str:
        await ctx.step.sleep_until("until", until[0])
        return "awake"

    async with lab(client, [sleeper]) as it:
        due_ms = it.clock.now_ms() + 3_600_000
        until.append(datetime.datetime.fromtimestamp(due_ms / 1_000, tz=datetime.UTC))
        run_id = await it.start("t/until")
        (wait,) = (await it.settle(run_id)).waiting_for
        assert wait.until_ms == due_ms
        assert (await it.advance(3_600, run_id)).output == "awake"
