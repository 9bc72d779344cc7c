"""Stories about functions that call functions."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

import inngest
import pytest
from support.deploys import serve_too
from support.sdk_app import Lab, lab, new_client

from durable_engine import RunStatus, RunView, StepKind, StepStatus

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)


def _event(name: str) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=f"t/{name}")


def _child(client: inngest.Inngest, seen: list[inngest.Context] | None = None, **config: Any) -> Any:
    """Return a function that sleeps, fails or returns as its event's data say."""

    @client.create_function(fn_id="child", trigger=_event("child"), **config)
    async def child(ctx: inngest.Context) -> Any:
        if seen is not None:
            seen.append(ctx)
        data: dict[str, Any] = dict(ctx.event.data)
        if data.get("nap"):
            await ctx.step.sleep("nap", 2 * HOUR)
        if data.get("fail"):
            raise ConnectionError(f"child failed {data['fail']}")
        if data.get("never"):
            raise inngest.NonRetriableError("no such order", quiet=True)
        return data.get("result")

    return child


def _parent(client: inngest.Inngest, *, catches: bool = False, **options: Any) -> Any:
    """Return a function that invokes `child` with its own data."""

    @client.create_function(fn_id="parent", trigger=_event("parent"))
    async def parent(ctx: inngest.Context) -> Any:
        try:
            return [await ctx.step.invoke_by_id("ask", function_id="child", data=ctx.event.data, **options)]
        except inngest.StepError as error:
            if not catches:
                raise
            await ctx.step.sleep("think", 3 * HOUR)
            return {"name": error.name, "message": error.message}

    return parent


async def _rest(it: Lab, run_id: str) -> RunView:
    run = await it.settle(run_id)
    while not run.status.is_terminal:
        run = await it.advance(150, run_id)
    return run


@pytest.mark.parametrize(
    "result",
    [None, False, 0, "", [], {}, [None], {"data": 1}, {"error": {"name": "E", "message": "m"}}, 1.0, 2**70],
    ids=repr,
)
async def test_what_a_child_returns_is_what_its_parent_gets(result: Any) -> None:
    client = new_client()
    async with lab(client, [_child(client), _parent(client)]) as it:
        run = await it.settle(await it.start("t/parent", {"result": result}))

        assert run.status is RunStatus.COMPLETED
        assert repr(run.output) == repr([result])
        assert repr(run.steps[0].output) == repr(result)


async def test_a_large_result_passes_from_child_to_parent_to_child() -> None:
    client, sizes = new_client(), list[int]()

    @client.create_function(fn_id="large", trigger=_event("large"))
    async def large(ctx: inngest.Context) -> Any:
        text = await ctx.step.invoke("first", function=echo, data={"text": "é" * 500_000})
        sizes.append(len(text))
        return len(await ctx.step.invoke("second", function=echo, data={"text": text}))

    @client.create_function(fn_id="echo", trigger=_event("echo"))
    async def echo(ctx: inngest.Context) -> Any:
        return ctx.event.data["text"]

    async with lab(client, [large, echo]) as it:
        assert (await it.settle(await it.start("t/large"))).output == 500_000
        assert set(sizes) == {500_000}


async def test_the_events_of_an_invocation_tell_who_asked_and_which_step_it_was() -> None:
    client, ends = new_client(), list[Any]()

    @client.create_function(
        fn_id="told",
        trigger=inngest.TriggerEvent(
            event="inngest/function.finished", expression="event.data.function_id == 'lab-child'"
        ),
    )
    async def told(ctx: inngest.Context) -> None:
        ends.append(ctx.event.data)

    async with lab(client, [_child(client), _parent(client), told]) as it:
        run = await it.settle(await it.start("t/parent", {"result": 7}))

        (end,) = ends
        assert end["run_id"] == run.child_run_ids[0]
        assert end["correlation_id"] == f"{run.id}.{run.steps[0].id}"
        assert end["result"] == 7
        assert end["event"]["name"] == "inngest/function.invoked"
        assert run.steps[0].input == {"result": 7}


async def test_a_child_can_see_which_step_of_which_function_invoked_it() -> None:
    client, seen = new_client(), list[inngest.Context]()
    async with lab(client, [_child(client, seen), _parent(client)]) as it:
        run = await it.settle(await it.start("t/parent"))

        told: Any = seen[0].event.data["_inngest"]
        assert told["fn_id"] == "lab-child"
        assert told["correlation_id"] == f"{run.id}.{run.steps[0].id}"
        functions = {function.slug: function.id for function in (await it.engine.inventory()).functions}
        assert told["source_fn_id"] == functions["lab-parent"]
        assert told["name"] == "ask"


async def test_the_version_that_a_parent_gives_is_the_childs_event_version() -> None:
    client, seen = new_client(), list[inngest.Context]()
    async with lab(client, [_child(client, seen), _parent(client, v="2026-01-01")]) as it:
        run = await it.settle(await it.start("t/parent"))
        (child_id,) = run.child_run_ids
        assert (await it.engine.get_run(child_id)).event.v == "2026-01-01"


async def test_a_function_of_another_app_is_invoked_by_the_ids_of_both() -> None:
    client, other = new_client(), new_client("other")

    @client.create_function(fn_id="parent", trigger=_event("parent"))
    async def parent(ctx: inngest.Context) -> Any:
        there = await ctx.step.invoke_by_id(
            "there", app_id="other", function_id="child", data={"result": "theirs"}
        )
        return [await ctx.step.invoke_by_id("here", function_id="child", data={"result": "ours"}), there]

    async with lab(client, [_child(client), parent]) as it:
        await serve_too(it, other, [_child(other)], path="/api/other")
        run = await it.settle(await it.start("t/parent"))

        assert run.output == ["ours", "theirs"]
        children = [await it.engine.get_run(run_id) for run_id in run.child_run_ids]
        assert sorted(child.function_slug for child in children) == ["lab-child", "other-child"]


@pytest.mark.parametrize("catches", [True, False])
@pytest.mark.parametrize(
    ("data", "name", "message", "attempts"),
    [
        ({"fail": "thrice"}, "ConnectionError", "child failed thrice", 3),
        ({"never": True}, "NonRetriableError", "no such order", 1),
    ],
    ids=["retriable", "non-retriable"],
)
async def test_a_child_uses_up_its_own_attempts_and_then_its_parent_has_none_for_it(
    data: dict[str, Any], name: str, message: str, attempts: int, *, catches: bool
) -> None:
    client, seen = new_client(), list[inngest.Context]()
    async with lab(client, [_child(client, seen, retries=2), _parent(client, catches=catches)]) as it:
        run_id = await it.start("t/parent", data)
        run = await it.settle(run_id)
        if attempts > 1:
            assert [wait.kind for wait in run.waiting_for] == ["invoke"]
        run = await _rest(it, run_id)

        assert [ctx.attempt for ctx in seen] == list(range(attempts))
        (ask, *_) = run.steps
        assert (ask.kind, ask.status, ask.attempts) == (StepKind.INVOKE, StepStatus.FAILED, 1)
        if catches:
            assert run.output == {"name": name, "message": message}
        else:
            assert run.status is RunStatus.FAILED
            assert run.error is not None
            assert (run.error["name"], run.error["message"]) == (name, message)
            assert len(run.failures) == 1


async def test_the_failure_handler_of_a_child_runs_as_well() -> None:
    client, handled = new_client(), list[str]()

    async def on_failure(ctx: inngest.Context) -> None:
        event: Any = ctx.event.data["event"]
        handled.append(event["name"])

    child = _child(client, retries=0, on_failure=on_failure)
    async with lab(client, [child, _parent(client, catches=True)]) as it:
        await it.settle(await it.start("t/parent", {"fail": "once"}))
        assert handled == ["inngest/function.invoked"]


@pytest.mark.parametrize(
    ("data", "message"),
    [({"app": None, "function": "nobody"}, "lab-nobody"), ({"app": "no", "function": "child"}, "no-child")],
    ids=["function", "app"],
)
async def test_an_unknown_function_that_nobody_catches_fails_the_run_by_its_name(
    data: dict[str, Any], message: str
) -> None:
    client = new_client()

    @client.create_function(fn_id="parent", trigger=_event("parent"))
    async def parent(ctx: inngest.Context) -> Any:
        return await ctx.step.invoke_by_id("ask", app_id=data["app"], function_id=data["function"])

    async with lab(client, [parent, _child(client)]) as it:
        run = await it.settle(await it.start("t/parent"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["message"] == f"could not find function with ID: {message}"
        assert run.child_run_ids == ()


@pytest.mark.parametrize("catches", [True, False])
async def test_a_child_that_is_late_changes_nothing_any_more(*, catches: bool) -> None:
    client = new_client()
    parent = _parent(client, catches=catches, timeout=HOUR)
    async with lab(client, [_child(client), parent]) as it:
        run_id = await it.start("t/parent", {"nap": True, "result": "late"})
        await it.settle(run_id)
        run = await it.advance(3_660, run_id)
        assert run.steps[0].has_timed_out
        assert (await it.advance(3_660, run.child_run_ids[0])).output == "late"
        run = await _rest(it, run_id)

        assert run.steps[0].status is StepStatus.FAILED
        if catches:
            assert run.output["name"] == "InngestInvokeTimeoutError"
        else:
            assert run.status is RunStatus.FAILED
            assert run.error is not None
            assert run.error["message"] == "Timed out waiting for invoked function to complete"


async def test_an_invoke_without_a_timeout_waits_for_a_year() -> None:
    client = new_client()
    async with lab(client, [_child(client), _parent(client)]) as it:
        run = await it.settle(await it.start("t/parent", {"nap": True}))
        (wait,) = run.waiting_for
        assert wait.until_ms == it.clock.now_ms() + 365 * 86_400_000


async def test_a_function_that_invokes_itself_comes_back_from_the_depth_it_was_given() -> None:
    client, ran = new_client(), Counter[int]()

    @client.create_function(fn_id="count", trigger=_event("count"))
    async def count(ctx: inngest.Context) -> int:
        depth = int(str(ctx.event.data["n"]))
        if depth == 0:
            return 0

        async def body() -> int:
            ran[depth] += 1
            return depth

        mine = await ctx.step.run("mine", body)
        below: Any = await ctx.step.invoke_by_id("below", function_id="count", data={"n": depth - 1})
        return int(mine + below)

    async with lab(client, [count]) as it:
        run = await it.settle(await it.start("t/count", {"n": 20}))

        assert run.output == 210
        assert set(ran.values()) == {1}
        depth = 0
        while run.child_run_ids:
            run = await it.engine.get_run(run.child_run_ids[0])
            depth += 1
        assert depth == 20


async def test_children_in_parallel_answer_in_the_order_in_which_they_were_asked() -> None:
    client, seen = new_client(), list[inngest.Context]()

    @client.create_function(fn_id="parent", trigger=_event("parent"))
    async def parent(ctx: inngest.Context) -> Any:
        def ask(number: int) -> Any:
            data = {"result": number, "nap": number % 3 == 0}
            return lambda: ctx.step.invoke("ask", function=child, data=data)

        return await ctx.group.parallel(tuple(ask(number) for number in range(12)))

    child = _child(client, seen)
    async with lab(client, [parent, child]) as it:
        run_id = await it.start("t/parent")
        run = await it.settle(run_id)
        assert [wait.step_name for wait in run.waiting_for] == ["ask", "ask[3]", "ask[6]", "ask[9]"]
        run = await it.advance(7_300, run_id)

        assert run.output == list(range(12))
        assert len({ctx.run_id for ctx in seen}) == 12


async def test_a_child_in_parallel_that_fails_is_caught_while_the_others_answer() -> None:
    client = new_client()

    @client.create_function(fn_id="parent", trigger=_event("parent"))
    async def parent(ctx: inngest.Context) -> Any:
        def ask(name: str, **data: Any) -> Any:
            async def careful() -> Any:
                try:
                    return await ctx.step.invoke_by_id(name, function_id="child", data=data)
                except inngest.StepError as error:
                    return error.message

            return careful

        return await ctx.group.parallel(
            (ask("bad", fail="here"), ask("good", result=1), ask("late", nap=True))
        )

    async with lab(client, [parent, _child(client, retries=0)]) as it:
        run = await _rest(it, await it.start("t/parent"))
        assert run.output == ["child failed here", 1, None]


async def test_a_child_outlives_a_parent_that_fails_meanwhile() -> None:
    client = new_client()

    @client.create_function(fn_id="parent", retries=0, trigger=_event("parent"))
    async def parent(ctx: inngest.Context) -> Any:
        async def body() -> None:
            return None

        async def impatient() -> None:
            await ctx.step.run("look", body)
            raise ValueError("enough")

        return await ctx.group.parallel(
            (
                lambda: ctx.step.invoke_by_id("ask", function_id="child", data={"nap": 1, "result": 5}),
                impatient,
            ),
            parallel_mode=inngest.ParallelMode.RACE,
        )

    async with lab(client, [parent, _child(client)]) as it:
        run_id = await it.start("t/parent")
        run = await it.settle(run_id)
        assert run.status is RunStatus.FAILED
        assert {step.name: step.status for step in run.steps} == {
            "ask": StepStatus.CANCELLED,
            "look": StepStatus.COMPLETED,
        }
        child = await it.advance(7_300, run.child_run_ids[0])
        assert child.output == 5
        assert (await it.settle(run_id)).steps == run.steps


async def test_the_end_of_a_function_can_be_waited_for_like_any_event() -> None:
    client = new_client()

    @client.create_function(fn_id="parent", trigger=_event("parent"))
    async def parent(ctx: inngest.Context) -> Any:
        _, end = await ctx.group.parallel(
            (
                lambda: ctx.step.send_event("go", inngest.Event(name="t/child", data={"result": 4})),
                lambda: ctx.step.wait_for_event(
                    "end",
                    event="inngest/function.finished",
                    if_exp="async.data.function_id == 'lab-child'",
                    timeout=HOUR,
                ),
            )
        )
        return end and end.data["result"]

    async with lab(client, [parent, _child(client)]) as it:
        run_id = await it.start("t/parent")
        await it.settle(run_id)
        run = await it.advance(1, run_id)  # the SDK stamps events with its own, real clock
        assert run.output == 4
