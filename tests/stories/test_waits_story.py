"""Stories about waiting: for events, for other functions."""

from __future__ import annotations

import datetime
from typing import Any

import inngest
import pytest
from support.sdk_app import lab, new_client

from durable_engine import NewEvent, RunStatus, StepKind, StepStatus

pytestmark = pytest.mark.anyio


def _waiting_function(client: inngest.Inngest, expression: str | None = None) -> Any:
    @client.create_function(fn_id="wait", trigger=inngest.TriggerEvent(event="t/wait"))
    async def wait(ctx: inngest.Context) -> Any:
        found = await ctx.step.wait_for_event(
            "approval", event="t/approved", if_exp=expression, timeout=datetime.timedelta(days=7)
        )
        return None if found is None else {"id": found.id, "data": found.data}

    return wait


async def test_an_event_that_matches_wakes_the_run_with_the_whole_event() -> None:
    client = new_client()
    wait = _waiting_function(client, "event.data.id == async.data.id && async.data.ok")

    async with lab(client, [wait]) as it:
        run_id = await it.start("t/wait", {"id": 7})
        run = await it.settle(run_id)
        (waiting,) = run.waiting_for
        assert waiting.kind == "event"
        assert waiting.event_name == "t/approved"
        assert waiting.expression == "event.data.id == async.data.id && async.data.ok"

        await it.send("t/approved", {"id": 8, "ok": True})
        await it.send("t/approved", {"id": 7, "ok": False})
        await it.send("t/other", {"id": 7, "ok": True})
        assert (await it.settle(run_id)).status is RunStatus.RUNNING

        await it.send("t/approved", {"id": 7.0, "ok": True}, id="mine")
        run = await it.settle(run_id)

        assert run.status is RunStatus.COMPLETED
        assert run.output == {"id": "mine", "data": {"id": 7.0, "ok": True}}
        assert run.steps[0].kind is StepKind.WAIT_FOR_EVENT
        assert not run.steps[0].has_timed_out


async def test_a_wait_that_times_out_gives_none() -> None:
    client = new_client()

    async with lab(client, [_waiting_function(client)]) as it:
        run_id = await it.start("t/wait")
        await it.settle(run_id)
        run = await it.advance(7 * 86_400 + 1, run_id)

        assert run.status is RunStatus.COMPLETED
        assert run.output is None
        assert run.steps[0].has_timed_out
        assert run.steps[0].status is StepStatus.COMPLETED

        await it.send("t/approved")
        assert (await it.settle(run_id)).output is None


async def test_one_event_wakes_every_run_that_waits_for_it() -> None:
    client = new_client()

    async with lab(client, [_waiting_function(client)]) as it:
        run_ids = [await it.start("t/wait") for _ in range(3)]
        await it.engine.settle()
        receipt = await it.engine.send_event(NewEvent(name="t/approved"))
        assert sorted(receipt.resumed) == sorted(run_ids)
        for run_id in run_ids:
            assert (await it.settle(run_id)).status is RunStatus.COMPLETED


async def test_an_event_from_before_the_wait_does_not_end_it() -> None:
    client = new_client()

    async with lab(client, [_waiting_function(client)]) as it:
        await it.send("t/approved", {"early": True})
        run_id = await it.start("t/wait")
        assert (await it.settle(run_id)).status is RunStatus.RUNNING
        await it.send("t/approved", {"early": False})
        assert (await it.settle(run_id)).output["data"] == {"early": False}


async def test_an_invalid_wait_expression_ends_the_run_and_says_where() -> None:
    client = new_client()

    async with lab(client, [_waiting_function(client, "async.data.id ==")]) as it:
        run = await it.settle(await it.start("t/wait"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "InvalidExpressionError"
        assert "approval" in run.error["message"]


def _family(client: inngest.Inngest, *, timeout: datetime.timedelta | None = None) -> list[Any]:
    @client.create_function(fn_id="child", retries=0, trigger=inngest.TriggerEvent(event="t/child"))
    async def child(ctx: inngest.Context) -> Any:
        if ctx.event.data.get("nap"):
            await ctx.step.sleep("nap", datetime.timedelta(hours=2))
        if ctx.event.data.get("fail"):
            raise ValueError("child failed")
        return {"doubled": ctx.event.data["n"] * 2, "event": ctx.event.name}

    @client.create_function(fn_id="parent", retries=0, trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        try:
            return await ctx.step.invoke(
                "ask-child", function=child, data=dict(ctx.event.data), timeout=timeout
            )
        except inngest.StepError as error:
            return {"caught": error.name, "message": error.message}

    return [child, parent]


async def test_an_invoked_function_returns_its_result_to_the_parent() -> None:
    client = new_client()

    async with lab(client, _family(client)) as it:
        run = await it.settle(await it.start("t/parent", {"n": 21}))

        assert run.output == {"doubled": 42, "event": "inngest/function.invoked"}
        assert run.steps[0].kind is StepKind.INVOKE
        (child_id,) = run.child_run_ids
        child = await it.engine.get_run(child_id)
        assert child.parent_run_id == run.id
        assert child.status is RunStatus.COMPLETED


async def test_a_failing_child_is_an_error_in_the_parent() -> None:
    client = new_client()

    async with lab(client, _family(client)) as it:
        run = await it.settle(await it.start("t/parent", {"n": 1, "fail": True}))

        assert run.status is RunStatus.COMPLETED
        assert run.output == {"caught": "ValueError", "message": "child failed"}
        assert run.steps[0].status is StepStatus.FAILED


async def test_an_invoke_that_times_out_is_an_error_and_the_child_goes_on() -> None:
    client = new_client()

    async with lab(client, _family(client, timeout=datetime.timedelta(hours=1))) as it:
        run_id = await it.start("t/parent", {"n": 1, "nap": True})
        run = await it.settle(run_id)
        (wait,) = run.waiting_for
        assert (wait.kind, wait.function_slug) == ("invoke", "lab-child")
        assert wait.run_id == run.child_run_ids[0]

        run = await it.advance(3_660, run_id)
        assert run.status is RunStatus.COMPLETED
        assert run.output["caught"] == "InngestInvokeTimeoutError"
        child = await it.engine.get_run(run.child_run_ids[0])
        assert child.status is RunStatus.RUNNING

        child = await it.advance(3_660, child.id)
        assert child.status is RunStatus.COMPLETED


async def test_invoking_an_unknown_function_is_an_error_in_the_parent() -> None:
    client = new_client()

    @client.create_function(fn_id="lost", trigger=inngest.TriggerEvent(event="t/lost"))
    async def lost(ctx: inngest.Context) -> Any:
        try:
            await ctx.step.invoke_by_id("ask", app_id="lab", function_id="nobody")
        except inngest.StepError as error:
            return error.message
        return None

    async with lab(client, [lost]) as it:
        run = await it.settle(await it.start("t/lost"))

        assert run.output == "could not find function with ID: lab-nobody"


async def test_events_sent_in_a_step_start_functions_and_return_their_ids() -> None:
    client = new_client()

    @client.create_function(fn_id="fan", trigger=inngest.TriggerEvent(event="t/fan"))
    async def fan(ctx: inngest.Context) -> Any:
        events = [inngest.Event(name="t/leaf", data={"n": number}) for number in range(3)]
        return await ctx.step.send_event("fan-out", events)

    @client.create_function(fn_id="leaf", trigger=inngest.TriggerEvent(event="t/leaf"))
    async def leaf(ctx: inngest.Context) -> Any:
        return ctx.event.data["n"]

    async with lab(client, [fan, leaf]) as it:
        run_id = await it.start("t/fan")
        await it.settle(run_id)
        run = await it.advance(1, run_id)  # the SDK stamps events with its own, real clock

        assert len(run.output) == 3
        assert it.network.calls == 2 + 3


async def test_an_event_that_meets_no_condition_says_who_waits_and_what_is_false() -> None:
    client = new_client()
    cancels = [inngest.Cancel(event="t/withdrawn", if_exp="async.data.id == event.data.id")]

    @client.create_function(fn_id="ask", trigger=inngest.TriggerEvent(event="t/ask"), cancel=cancels)
    async def ask(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event(
            "approval",
            event="t/approved",
            if_exp="async.data.ok == true",
            timeout=datetime.timedelta(hours=1),
        )

    async with lab(client, [ask]) as it:
        runs = [await it.start("t/ask", {"id": n}) for n in range(7)]
        await it.settle(runs[0])
        receipt = await it.engine.send_event(NewEvent(name="t/approved", data={"ok": False}))
        assert len(receipt.unmet) == 5
        wait = receipt.unmet[0]
        assert wait.run_id in runs
        assert wait.step_name == "approval"
        assert "async.data.ok is false" in wait.reason

        receipt = await it.engine.send_event(NewEvent(name="t/withdrawn", data={"id": 99}))
        assert {wait.step_name for wait in receipt.unmet} == {None}
        assert "async.data.id is 99" in receipt.unmet[0].reason
        receipt = await it.engine.send_event(NewEvent(name="t/withdrawn", data={"id": 3}))
        assert (receipt.cancelled, receipt.unmet) == ((runs[3],), ())
