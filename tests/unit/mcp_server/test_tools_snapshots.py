"""The tools snapshot_engine, restore_engine and reset_engine, on runs of the real SDK in a real engine."""

import asyncio
import datetime

import httpx
import inngest
import pytest
from mcp_scripted import ask, connected, refused
from support.sdk_app import ENGINE_ORIGIN, lab, new_client
from support.wall import wall_ms

from durable_engine import ManualClock, RealClock
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
def new_app():
    client, gate = new_client(), asyncio.Event()

    @client.create_function(fn_id="nap", trigger=inngest.TriggerEvent(event="t/nap"))
    async def nap(ctx):
        await ctx.step.sleep("night", datetime.timedelta(days=2))
        return "up"

    @client.create_function(fn_id="stuck", trigger=inngest.TriggerEvent(event="t/stuck"))
    async def stuck(ctx):
        await gate.wait()
        return "freed"

    return client, [nap, stuck], gate


@pytest.fixture
async def asking(docs, new_app):
    client, functions, gate = new_app
    async with lab(client, functions, clock=RealClock()) as it:
        it.server = build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        it.gate = gate
        yield it
        gate.set()
        await it.engine.settle()


async def test_a_state_is_kept_restored_and_told_of(asking):
    run_id = await asking.start("t/nap")
    taken = await ask(asking.server, "snapshot_engine", {"name": "asleep"})

    assert taken["saved"]
    assert "1 run (1 RUNNING), 1 event, 1 timer and 0 starts to come" in taken["message"]
    assert taken["state"] == {
        "runs": {"RUNNING": 1},
        "events": 1,
        "timers": 1,
        "startsToCome": 0,
        "standingDoubles": 0,
    }
    (snapshot,) = taken["snapshots"]
    assert (snapshot["name"], snapshot["engineTime"]) == ("asleep", taken["engineTime"])
    assert snapshot["size"].endswith("KB")
    assert 'restore_engine name="asleep"' in taken["next"]

    await ask(asking.server, "advance_time", {"by": "3d"})
    later = await asking.start("t/nap")
    await asking.settle(later)
    back = await ask(asking.server, "restore_engine", {"name": "asleep"})

    assert back["done"]
    assert "1 run that did not exist then is gone" in back["message"]
    assert "1 app was synced again: the code that runs is the present one" in back["message"]
    assert "clockAhead" not in back
    assert back["clockBehind"].endswith("s")
    assert back["lost"] == {"count": 1, "newest": [later]}
    assert back["state"] == taken["state"]
    (app,) = back["apps"]
    assert (app["name"], app["changed"]) == ("lab", False)
    assert "advance_time" in back["next"]
    assert "No run" in await refused(asking.server, "get_run_status", {"runId": later})
    status = await ask(asking.server, "get_run_status", {"runId": run_id})
    assert status["status"] == "RUNNING"
    polled = await ask(asking.server, "poll_run_status", {"runIds": [later, run_id], "timeout": 0})
    assert [run["runId"] for run in polled["runs"]] == [run_id]

    asking.network.answer = lambda request: httpx.Response(502, text="down")
    back = await ask(asking.server, "restore_engine", {"name": "asleep"})
    assert "Not synced, see apps: 'lab'." in back["message"]
    assert "502" in back["apps"][0]["error"]
    asking.network.answer = None

    empty = await ask(asking.server, "reset_engine", {"keepSnapshots": False})
    assert (empty["done"], empty["lost"]["newest"], empty["droppedSnapshots"]) == (True, [run_id], ["asleep"])
    assert "The engine is empty" in empty["message"]
    assert empty["message"].endswith("1 run is gone.")
    listed = await ask(asking.server, "list_functions")
    assert {function["id"] for function in listed["functions"]} == {"lab-nap", "lab-stuck"}
    assert "There is none" in await refused(asking.server, "restore_engine", {"name": "asleep"})


async def test_refusals_say_what_to_do(asking):
    await ask(asking.server, "snapshot_engine", {"name": "before-fix"})
    text = await refused(asking.server, "snapshot_engine", {"name": "before-fix"})
    assert "already" in text
    assert "replace" in text
    assert (
        "replaced"
        in (await ask(asking.server, "snapshot_engine", {"name": "before-fix", "replace": True}))["message"]
    )
    text = await refused(asking.server, "restore_engine", {"name": "befor-fix"})
    assert "There are: before-fix." in text
    text = await refused(asking.server, "snapshot_engine", {"name": "../x"})
    assert "letters, digits, dashes and underscores" in text


async def test_an_app_that_does_not_answer_is_named_and_nothing_changes(asking):
    await ask(asking.server, "snapshot_engine", {"name": "empty"})
    run_id = await asking.start("t/stuck")
    for tool, arguments, flag in (
        ("snapshot_engine", {"name": "two"}, "saved"),
        ("restore_engine", {"name": "empty"}, "done"),
        ("reset_engine", {}, "done"),
    ):
        answer = await ask(asking.server, tool, {**arguments, "timeout": 0})
        assert answer[flag] is False
        assert answer["openCalls"] == [run_id]
        assert "othing was changed" in answer["message"]
        assert run_id in answer["next"]
    asking.gate.set()
    await asking.settle(run_id)
    assert (await ask(asking.server, "restore_engine", {"name": "empty"}))["lost"]["newest"] == [run_id]


async def test_a_run_that_is_waited_for_is_known_to_be_gone_at_once(docs, new_app):
    client, functions, _ = new_app
    async with lab(client, functions, clock=ManualClock(wall_ms(), wall=wall_ms)) as it:
        server = build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        await ask(server, "snapshot_engine", {"name": "empty"})
        run_id = await it.start("t/nap")
        await it.settle(run_id)
        polling = asyncio.create_task(refused(server, "poll_run_status", {"runIds": [run_id], "timeout": 55}))
        await it.clock.somebody_waits(2)
        await ask(server, "restore_engine", {"name": "empty"})
        async with asyncio.timeout(60):
            assert f"No run has any of these ids: {run_id}" in await polling


async def test_hints_tell_that_a_restore_and_a_reset_destroy(asking):
    async with connected(asking.server) as client:
        hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    assert hints["restore_engine"].destructive_hint
    assert hints["reset_engine"].destructive_hint
    assert hints["restore_engine"].open_world_hint
