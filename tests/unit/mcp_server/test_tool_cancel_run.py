"""The tool cancel_run, on runs of the real SDK in a real engine."""

import datetime

import inngest
import pytest
from mcp_scripted import ask, refused
from support.open_calls import OpenCalls
from support.sdk_app import ENGINE_ORIGIN, lab, new_client

from durable_engine import RunStatus, StepStatus
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


def on(name):
    return inngest.TriggerEvent(event=f"t/{name}")


@pytest.fixture
async def shop(docs):
    client, calls = new_client(), OpenCalls()

    @client.create_function(fn_id="child", trigger=on("child"), retries=0)
    async def child(ctx):
        await ctx.step.sleep("nap", datetime.timedelta(hours=1))
        return "rested"

    @client.create_function(fn_id="parent", trigger=on("parent"), retries=0)
    async def parent(ctx):
        return await ctx.step.invoke("ask", function=child)

    @client.create_function(fn_id="work", trigger=on("work"), retries=0)
    async def work(ctx):
        async def body():
            return await calls.work("charge")

        await ctx.step.run("charge", body)
        await ctx.step.run("after", lambda: calls.work("after"))

    @client.create_function(fn_id="both", trigger=on("both"), retries=0)
    async def both(ctx):
        await ctx.group.parallel(
            (
                lambda: ctx.step.run("left", lambda: calls.work("left")),
                lambda: ctx.step.run("right", lambda: calls.work("right")),
            )
        )

    async with lab(client, [child, parent, work, both]) as shop:
        shop.calls = calls
        shop.server = build_server(shop.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        yield shop
        await calls.end_all()
        await shop.engine.settle()


async def test_a_waiting_run_is_cancelled_and_a_second_time_changes_nothing(shop, era):
    run_id = await shop.start("t/child")
    await shop.engine.settle()
    first = await ask(shop.server, "cancel_run", {"runId": run_id}, era=era)
    await shop.pass_time(5)
    again = await ask(shop.server, "cancel_run", {"runId": run_id}, era=era)

    assert first["message"] == f"Run {run_id} of 'lab-child' is now CANCELLED."
    assert (first["status"], first["cancelled"]) == ("CANCELLED", "Cancelled by request.")
    assert first["next"] == f'rerun runId="{run_id}" starts it again.'
    assert again["message"] == f"Run {run_id} of 'lab-child' was CANCELLED before; nothing was changed."
    assert again.pop("alreadyCancelled") is True
    assert {key: again[key] for key in again if key != "message"} == {
        key: first[key] for key in first if key != "message"
    }


async def test_a_run_that_never_got_its_first_call_is_cancelled(shop):
    ts = shop.clock.now_ms() + 60_000
    run_id = await shop.start("t/work", ts_ms=ts)
    answer = await ask(shop.server, "cancel_run", {"runId": run_id})
    await shop.pass_time(120)

    assert answer["status"] == "CANCELLED"
    assert not {"duration", "openCalls"} & answer.keys()
    assert shop.calls.begun == []


async def test_what_is_being_executed_runs_to_its_end_and_is_dropped(shop):
    run_id = await shop.start("t/work")
    await shop.calls.are("charge")
    answer = await ask(shop.server, "cancel_run", {"runId": run_id})
    await shop.calls.end("charge")
    run = await shop.settle(run_id)

    assert answer["openCalls"] == ["function"]
    assert (
        "A call to the app had begun: what runs there runs to its end, its result is dropped."
        in (answer["message"])
    )
    assert (run.status, run.steps) == (RunStatus.CANCELLED, ())
    assert shop.calls.begun == ["charge"]


async def test_open_steps_of_a_group_are_named(shop):
    run_id = await shop.start("t/both")
    await shop.calls.are("left", "right")
    answer = await ask(shop.server, "cancel_run", {"runId": run_id})
    await shop.calls.end_all()
    run = await shop.settle(run_id)

    assert sorted(answer["openCalls"]) == ["left", "right"]
    assert "2 calls to the app had begun" in answer["message"]
    assert {step.status for step in run.steps} == {StepStatus.CANCELLED}


async def test_a_run_that_it_invoked_goes_on(shop):
    run_id = await shop.start("t/parent")
    await shop.engine.settle()
    (child_id,) = (await shop.engine.get_run(run_id)).child_run_ids
    answer = await ask(shop.server, "cancel_run", {"runId": run_id})
    # The SDK counts the hour from its own time, which on a slow machine is later than the engine's.
    await shop.pass_time(7_200)
    again = await ask(shop.server, "cancel_run", {"runId": run_id})

    assert answer["openChildRuns"] == [{"runId": child_id, "functionId": "lab-child", "status": "RUNNING"}]
    assert "1 run that it invoked goes on (openChildRuns)." in answer["message"]
    assert answer["next"] == f'cancel_run runId="{child_id}" ends a run that goes on.'
    assert (await shop.engine.get_run(child_id)).output == "rested"
    assert "openChildRuns" not in again


async def test_the_step_that_invoked_a_cancelled_run_fails(shop):
    run_id = await shop.start("t/parent")
    await shop.engine.settle()
    (child_id,) = (await shop.engine.get_run(run_id)).child_run_ids
    answer = await ask(shop.server, "cancel_run", {"runId": child_id})
    parent = await shop.settle(run_id)

    assert f"The step of run {run_id} that had invoked it failed with it." in answer["message"]
    assert answer["next"] == f'get_run_status runId="{run_id}" shows what its parent does.'
    assert parent.status is RunStatus.FAILED


async def test_a_run_that_has_ended_otherwise_is_refused(shop):
    run_id = await shop.start("t/child")
    await shop.engine.settle()
    # The SDK counts the hour from its own time, which on a slow machine is later than the engine's.
    await shop.pass_time(7_200)
    text = await refused(shop.server, "cancel_run", {"runId": run_id})

    assert f"Run {run_id} cannot be cancelled: it has ended and is COMPLETED." in text
    assert f'get_run_status runId="{run_id}" shows how' in text


async def test_an_unknown_run_names_the_nearest_and_where_to_look(shop):
    receipt = await shop.engine.invoke_function("lab-child")
    run_id = receipt.started[0].run_id
    near = await refused(shop.server, "cancel_run", {"runId": run_id[:-1]})
    event = await refused(shop.server, "cancel_run", {"runId": receipt.event.id})

    assert f"Nearest: {run_id}" in near
    assert f'list_runs eventId="{receipt.event.id}" shows the runs it started.' in event
    await shop.engine.control.cancel(run_id)


async def test_read_only_leaves_it_out(shop, docs):
    server = build_server(shop.engine, docs, config=ServerConfig(read_only=True))
    names = {tool.name for tool in await server.list_tools()}

    assert {"list_runs", "list_events"} <= names
    assert "There is no tool 'cancel_run'" in await refused(server, "cancel_run", {"runId": "x"})
