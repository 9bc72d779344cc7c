"""A concurrency limit of one call: whatever runs do together, none of them stands still."""

from __future__ import annotations

import datetime
from typing import Any, Literal

import inngest
import pytest
from support.open_calls import OpenCalls, holds, standing
from support.sdk_app import lab, new_client

from durable_engine import RunStatus

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)
ONE = inngest.Concurrency(limit=1)


async def test_the_steps_of_a_group_pass_one_at_a_time_and_join_also_with_retries() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(
        fn_id="group", trigger=inngest.TriggerEvent(event="t/group"), concurrency=[ONE], retries=2
    )
    async def group(ctx: inngest.Context) -> list[str]:
        async def step(name: str) -> str:
            await calls.work(name)
            if name == "b" and ctx.attempt < 2:
                raise ConnectionError
            return name

        names = ("a", "b", "c", "d")
        return list(
            await ctx.group.parallel(
                tuple(lambda name=name: ctx.step.run(name, step, name) for name in names)
            )
        )

    async with lab(client, [group]) as it:
        await calls.end_all()
        run_id = await it.start("t/group")
        await it.engine.settle()
        assert sorted(calls.begun) == ["a", "b", "c", "d"]
        await it.pass_time(120)
        assert (await it.settle(run_id)).output == ["a", "b", "c", "d"]
        assert calls.begun[4:] == ["b", "b"]
        assert calls.most_open == 1


async def test_a_step_that_waits_for_its_turn_says_so() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(fn_id="pair", trigger=inngest.TriggerEvent(event="t/pair"), concurrency=[ONE])
    async def pair(ctx: inngest.Context) -> None:
        await ctx.group.parallel(
            tuple(lambda name=name: ctx.step.run(name, calls.work, name) for name in ("left", "right"))
        )

    async with lab(client, [pair]) as it:
        run_id = await it.start("t/pair")
        await calls.are("left")
        right = next(s for s in (await it.engine.get_run(run_id)).steps if s.name == "right")
        held = await standing(it, run_id)
        assert held is not None
        assert (held.kind, held.step_id) == ("concurrency", right.id)
        await it.clock.advance(1)
        await calls.end_all()
        assert (await it.settle(run_id)).status is RunStatus.COMPLETED
        (entry,) = await holds(it, run_id)
        assert entry.step_id == right.id


@pytest.mark.parametrize("scope", ["fn", "account"])
async def test_functions_that_invoke_each_other_do_not_block_each_other(
    scope: Literal["fn", "account"],
) -> None:
    client, calls = new_client(), OpenCalls()
    limit = inngest.Concurrency(limit=1, key='"shared"', scope=scope)

    def link(name: str, other: str) -> inngest.Function[Any]:
        @client.create_function(
            fn_id=name, trigger=inngest.TriggerEvent(event=f"t/{name}"), concurrency=[limit]
        )
        async def function(ctx: inngest.Context) -> int:
            depth = int(ctx.event.data["depth"])
            await ctx.step.run("work", calls.work, f"{name}{depth}")
            if depth == 0:
                return 0
            data = {"depth": depth - 1}
            return 1 + int(str(await ctx.step.invoke_by_id("next", function_id=other, data=data)))

        return function

    async with lab(client, [link("ping", "pong"), link("pong", "ping"), link("self", "self")]) as it:
        await calls.end_all()
        runs = [await it.start(f"t/{name}", {"depth": 6}) for name in ("ping", "pong", "self")]
        outputs = [(await it.settle(run_id)).output for run_id in runs]
        assert outputs == [6, 6, 6]
        assert calls.most_open <= (1 if scope == "account" else 3)


async def test_runs_that_wake_each_other_pass_through_one_slot() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(fn_id="relay", trigger=inngest.TriggerEvent(event="t/relay"), concurrency=[ONE])
    async def relay(ctx: inngest.Context) -> str | None:
        number = int(ctx.event.data["number"])
        if number == 0:
            await ctx.step.send_event("pass on", inngest.Event(name="t/baton", data={"to": 1}))
            return await calls.work("0")
        if_exp = f"async.data.to == {number}"
        got = await ctx.step.wait_for_event("wait", event="t/baton", if_exp=if_exp, timeout=HOUR)
        if got is None:
            return None
        await ctx.step.send_event("pass on", inngest.Event(name="t/baton", data={"to": number + 1}))
        return await calls.work(str(number))

    async with lab(client, [relay]) as it:
        await calls.end_all()
        runs = [await it.start("t/relay", {"number": number}) for number in (3, 2, 1, 0)]
        statuses = [(await it.settle(run_id)).status for run_id in runs]
        assert statuses == [RunStatus.COMPLETED] * 4
        assert calls.begun == ["3", "2", "1", "0"]  # older runs go first
        assert calls.most_open == 1


async def test_a_failure_handler_runs_beside_the_limit_of_its_function() -> None:
    client, calls = new_client(), OpenCalls()

    async def handle(ctx: inngest.Context) -> None:
        await calls.work("handled")

    @client.create_function(
        fn_id="fail",
        trigger=inngest.TriggerEvent(event="t/fail"),
        concurrency=[ONE],
        retries=0,
        on_failure=handle,
    )
    async def fail(ctx: inngest.Context) -> None:
        await calls.work(str(ctx.event.data["name"]))
        raise ValueError

    async with lab(client, [fail]) as it:
        first, second = [await it.start("t/fail", {"name": name}) for name in ("a", "b")]
        await calls.are("a")
        await calls.end("a")
        await calls.are("b", "handled")
        await calls.end_all()
        statuses = [(await it.settle(run_id)).status for run_id in (first, second)]
        assert statuses == [RunStatus.FAILED] * 2


async def test_a_long_line_of_many_keys_passes_to_its_end_whatever_is_cancelled_meanwhile() -> None:
    client, calls = new_client(), OpenCalls()
    limits = [inngest.Concurrency(limit=2), inngest.Concurrency(limit=1, key="event.data.key")]

    @client.create_function(fn_id="work", trigger=inngest.TriggerEvent(event="t/work"), concurrency=limits)
    async def work(ctx: inngest.Context) -> None:
        name = str(ctx.event.data["name"])
        await ctx.step.run("first", calls.work, f"{name}.1")
        await ctx.step.sleep("nap", 1_000)
        await ctx.step.run("second", calls.work, f"{name}.2")

    async with lab(client, [work]) as it:
        runs = [await it.start("t/work", {"name": str(n), "key": n % 7}) for n in range(40)]
        await calls.are("0.1", "1.1")
        for run_id in runs[::3]:
            await it.engine.control.cancel(run_id)
        await calls.end_all()
        # The SDK counts a nap from its own time, which on a slow machine is later than the engine's.
        await it.pass_time(3_600)
        statuses = [(await it.engine.get_run(run_id)).status for run_id in runs]
        expected = [RunStatus.COMPLETED if n % 3 else RunStatus.CANCELLED for n in range(40)]
        assert statuses == expected
        assert calls.most_open == 2
        assert len(calls.begun) == len(set(calls.begun)) == 1 + 2 * expected.count(RunStatus.COMPLETED)
