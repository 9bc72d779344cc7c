"""Runs are cancelled: by events, by request, and because they take too long."""

from __future__ import annotations

import datetime
import time
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import RunStatus, StepStatus
from durable_engine.errors import InvalidExpressionError, RunAlreadyEndedError, RunNotFoundError

pytestmark = pytest.mark.anyio

HOUR = 3_600


async def _event_of(it: Lab, name: str, run_id: str) -> dict[str, Any]:
    """Return the data of the event that the engine sent about a run."""

    def find(tables: Any) -> list[dict[str, Any]]:
        rows = tables.events._connection.execute("SELECT id FROM event WHERE name = ?", (name,))
        return [tables.events.get(row[0]).data for row in rows.fetchall()]

    (found,) = [data for data in await it.engine._database.read(find) if data["run_id"] == run_id]
    return found


def _sleeper(client: inngest.Inngest, **options: Any) -> inngest.Function[Any]:
    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="t/order"), **options)
    async def order(ctx: inngest.Context) -> str:
        await ctx.step.run("reserve", lambda: "reserved")
        await ctx.step.sleep("cool-off", datetime.timedelta(days=3))
        return "shipped"

    return order


async def test_an_event_cancels_the_runs_whose_condition_it_meets() -> None:
    client = new_client()
    heard: list[str] = []

    @client.create_function(
        fn_id="cleanup", trigger=inngest.TriggerEvent(event="inngest/function.cancelled"), retries=0
    )
    async def cleanup(ctx: inngest.Context) -> None:
        heard.append(str(ctx.event.data["run_id"]))

    cancels = [inngest.Cancel(event="t/order.cancelled", if_exp="event.data.id == async.data.id")]
    async with lab(client, [_sleeper(client, cancel=cancels), cleanup]) as it:
        one = await it.start("t/order", {"id": 1})
        two = await it.start("t/order", {"id": 2})
        await it.settle(one)
        await it.send("t/order.cancelled", {"id": 1})
        run = await it.settle(one)

        assert run.status is RunStatus.CANCELLED
        assert run.error == {"name": "Error", "message": "function cancelled"}
        assert run.cancelled is not None
        assert "'t/order.cancelled'" in run.cancelled
        assert [step.status for step in run.steps] == [StepStatus.COMPLETED, StepStatus.CANCELLED]
        assert run.waiting_for == ()
        assert (await it.settle(two)).status is RunStatus.RUNNING
        assert heard == [one]

        await it.clock.advance(4 * 24 * HOUR)
        assert (await it.settle(one)).status is RunStatus.CANCELLED
        assert (await it.settle(two)).output == "shipped"


async def test_the_events_that_tell_of_a_cancellation_have_the_documented_shape() -> None:
    client = new_client()
    cancels = [inngest.Cancel(event="t/stop")]
    async with lab(client, [_sleeper(client, cancel=cancels)]) as it:
        run_id = await it.start("t/order", {"id": 1})
        await it.settle(run_id)
        await it.send("t/stop")
        trigger = (await it.settle(run_id)).event.as_payload()

        error = {"error": "function cancelled", "message": "function cancelled", "name": "Error"}
        expected = {
            "function_id": "lab-order",
            "run_id": run_id,
            "event": trigger,
            "events": [{key: value for key, value in trigger.items() if key != "user"}],
            "error": error,
            "_inngest": {"status": "Cancelled"},
        }
        assert await _event_of(it, "inngest/function.cancelled", run_id) == expected
        assert await _event_of(it, "inngest/function.finished", run_id) == expected


async def test_a_cancel_event_counts_only_after_the_run_and_within_its_timeout() -> None:
    client = new_client()
    cancels = [
        inngest.Cancel(event="t/order", if_exp="async.data.again", timeout=datetime.timedelta(hours=1))
    ]
    async with lab(client, [_sleeper(client, cancel=cancels)]) as it:
        first = await it.start("t/order", {"again": True})
        assert (await it.settle(first)).status is RunStatus.RUNNING
        second = await it.start("t/order", {"again": True})
        assert (await it.settle(first)).status is RunStatus.CANCELLED
        await it.advance(HOUR + 60, second)
        await it.send("t/order", {"again": True})
        assert (await it.settle(second)).status is RunStatus.RUNNING


async def test_a_step_that_runs_while_its_run_is_cancelled_ends_and_nothing_follows() -> None:
    client = new_client()
    ran: list[str] = []
    at_work: list[Lab] = []

    @client.create_function(fn_id="job", trigger=inngest.TriggerEvent(event="t/job"))
    async def job(ctx: inngest.Context) -> None:
        async def first() -> None:
            ran.append("first begins")
            (it,) = at_work
            await it.engine.control.cancel(ctx.run_id)
            ran.append("first ends")

        await ctx.step.run("first", first)
        await ctx.step.run("second", lambda: ran.append("second"))

    async with lab(client, [job]) as it:
        at_work.append(it)
        run = await it.settle(await it.start("t/job"))

        assert run.status is RunStatus.CANCELLED
        assert run.cancelled == "by request"
        assert ran == ["first begins", "first ends"]
        assert run.steps == ()


async def test_a_parent_gets_its_childs_cancellation_as_an_error_and_a_child_outlives_its_parent() -> None:
    client = new_client()
    child = _sleeper(client, cancel=[inngest.Cancel(event="t/stop")])
    caught: list[str] = []

    @client.create_function(
        fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"), cancel=[inngest.Cancel(event="t/end")]
    )
    async def parent(ctx: inngest.Context) -> str:
        try:
            await ctx.step.invoke("child", function=child)
        except inngest.StepError as error:
            caught.append(error.message)
        return "went on"

    async with lab(client, [child, parent]) as it:
        run_id = await it.start("t/parent")
        await it.settle(run_id)
        await it.send("t/stop")
        assert (await it.settle(run_id)).output == "went on"
        assert caught == ["function cancelled"]

        run_id = await it.start("t/parent")
        (child_id,) = (await it.settle(run_id)).child_run_ids
        await it.send("t/end")
        assert (await it.settle(run_id)).status is RunStatus.CANCELLED
        assert (await it.advance(4 * 24 * HOUR, child_id)).output == "shipped"


async def test_a_run_that_takes_longer_than_its_finish_timeout_is_cancelled_even_asleep() -> None:
    client = new_client()
    timeouts = inngest.Timeouts(finish=datetime.timedelta(hours=5))
    async with lab(client, [_sleeper(client, timeouts=timeouts)]) as it:
        run_id = await it.start("t/order")
        assert (await it.advance(5 * HOUR - 1, run_id)).status is RunStatus.RUNNING
        run = await it.advance(1, run_id)
        assert run.status is RunStatus.CANCELLED
        assert run.cancelled == "because it did not end within timeouts.finish of 5h"


async def test_a_run_that_starts_in_time_is_not_bound_by_its_start_timeout() -> None:
    client = new_client()
    timeouts = inngest.Timeouts(start=datetime.timedelta(seconds=10))
    async with lab(client, [_sleeper(client, timeouts=timeouts)]) as it:
        run_id = await it.start("t/order")
        assert (await it.advance(HOUR, run_id)).status is RunStatus.RUNNING


async def test_a_run_that_starts_too_late_is_cancelled_without_a_call() -> None:
    client = new_client()
    timeouts = inngest.Timeouts(start=datetime.timedelta(seconds=10))
    async with lab(client, [_sleeper(client, timeouts=timeouts)]) as it:
        run_id = await it.start("t/order", ts_ms=it.clock.now_ms() + HOUR * 1_000)
        # Also when nobody looked in time, as on a machine that slept: the call is due as well by now.
        run = await it.advance(HOUR, run_id)
        assert run.status is RunStatus.CANCELLED
        assert run.cancelled == "because it did not start within timeouts.start of 10s"
        assert run.started_ms is None
        assert it.network.calls == 0


async def test_cancelling_by_request_says_what_is_wrong() -> None:
    client = new_client()
    async with lab(client, [_sleeper(client)]) as it:
        with pytest.raises(RunNotFoundError):
            await it.engine.control.cancel("no-run")
        run_id = await it.start("t/order")
        await it.settle(run_id)
        await it.engine.control.cancel(run_id)
        assert (await it.engine.wait_for_runs([run_id], timeout_s=5))[run_id].status is RunStatus.CANCELLED
        with pytest.raises(RunAlreadyEndedError, match="it is CANCELLED"):
            await it.engine.control.cancel(run_id)


async def test_many_runs_are_cancelled_at_once_by_function_time_and_condition() -> None:
    client = new_client()
    async with lab(client, [_sleeper(client)]) as it:
        (function,) = (await it.engine.inventory()).functions
        early = [await it.start("t/order", {"n": n}) for n in range(130)]
        await it.advance(60, early[0])
        between = it.clock.now_ms()
        await it.clock.advance(60)
        late = await it.start("t/order", {"n": 1})
        await it.settle(late)

        control = it.engine.control
        cancel = control.cancel_many(
            function.id, started_before_ms=between, expression="event.data.n % 2 == 1"
        )
        assert sorted(await cancel) == sorted(early[1::2])
        statuses = [(await it.engine.get_run(run_id)).status for run_id in early]
        assert statuses == [RunStatus.RUNNING, RunStatus.CANCELLED] * 65
        assert (await it.engine.get_run(late)).status is RunStatus.RUNNING
        with pytest.raises(InvalidExpressionError):
            await control.cancel_many(function.id, started_before_ms=between, expression="event.data.n ==")
        rest = await control.cancel_many(
            function.id, started_after_ms=between, started_before_ms=it.clock.now_ms() + 1
        )
        assert rest == [late]


async def test_what_cancels_a_run_survives_a_restart(tmp_path: Any) -> None:
    client = new_client()
    functions = [_sleeper(client, cancel=[inngest.Cancel(event="t/stop")])]
    data_file = tmp_path / "engine.db"
    now_ms = time.time_ns() // 1_000_000
    async with lab(client, functions, data_file=data_file) as it:
        run_id = await it.start("t/order")
        await it.settle(run_id)
        assert it.clock.now_ms() >= now_ms
    async with lab(client, functions, data_file=data_file) as it:
        await it.send("t/stop")
        assert (await it.settle(run_id)).status is RunStatus.CANCELLED


async def test_a_run_is_repeated_from_the_start_and_from_a_step() -> None:
    client = new_client()
    ran: list[str] = []

    @client.create_function(fn_id="job", trigger=inngest.TriggerEvent(event="t/job"), retries=0)
    async def job(ctx: inngest.Context) -> list[int]:
        def step(name: str, value: int) -> int:
            ran.append(name)
            return value

        a = await ctx.step.run("a", step, "a", 1)
        b = await ctx.step.run("b", step, "b", a + 1)
        c = await ctx.step.run("c", step, "c", b + 1)
        return [a, b, c]

    async with lab(client, [job]) as it:
        first = await it.start("t/job", {"n": 1})
        assert (await it.settle(first)).output == [1, 2, 3]

        again = await it.engine.control.rerun(first)
        run = await it.settle(again)
        assert (run.output, run.original_run_id, run.event.data) == ([1, 2, 3], first, {"n": 1})
        assert ran == ["a", "b", "c"] * 2

        ran.clear()
        half = await it.engine.control.rerun(first, from_step="b")
        assert (await it.settle(half)).output == [1, 2, 3]
        assert ran == ["b", "c"]


async def test_a_call_that_is_open_when_the_time_is_up_may_still_end_the_run_and_nothing_follows() -> None:
    client = new_client()
    ran: list[str] = []
    labs: list[Lab] = []

    async def too_slow() -> str:
        (it,) = labs
        await it.clock.advance(10)
        return "slow"

    options: dict[str, Any] = {
        "timeouts": inngest.Timeouts(finish=datetime.timedelta(seconds=5)),
        "retries": 0,
    }

    @client.create_function(fn_id="ends", trigger=inngest.TriggerEvent(event="t/ends"), **options)
    async def ends(ctx: inngest.Context) -> str:
        return await too_slow()

    @client.create_function(fn_id="goes-on", trigger=inngest.TriggerEvent(event="t/goes-on"), **options)
    async def goes_on(ctx: inngest.Context) -> None:
        await ctx.step.run("slow", too_slow)
        await ctx.step.run("next", lambda: ran.append("next"))

    async with lab(client, [ends, goes_on]) as it:
        labs.append(it)
        run = await it.settle(await it.start("t/ends"))
        assert (run.status, run.output) == (RunStatus.COMPLETED, "slow")

        run = await it.settle(await it.start("t/goes-on"))
        assert run.status is RunStatus.CANCELLED
        assert run.cancelled == "because it did not end within timeouts.finish of 5s"
        assert [step.output for step in run.steps] == ["slow"]
        assert ran == []
