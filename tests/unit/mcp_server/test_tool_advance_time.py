"""The tool advance_time, on runs of the real SDK in a real engine."""

import datetime

import inngest
import pytest
from mcp_scripted import ask, refused
from support.sdk_app import ENGINE_ORIGIN, lab, new_client
from support.wall import wall_ms

from durable_engine import ManualClock, RealClock
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def asking(docs):
    client = new_client()

    @client.create_function(fn_id="nap", trigger=inngest.TriggerEvent(event="t/nap"))
    async def nap(ctx):
        await ctx.step.sleep("night", datetime.timedelta(days=2))
        found = await ctx.step.wait_for_event("call", event="t/call", timeout=datetime.timedelta(days=5))
        return found and found.data

    async with lab(client, [nap], clock=RealClock()) as it:
        it.server = build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        yield it


async def test_the_whole_engine_moves_and_says_what_happened(asking):
    run_id = await asking.start("t/nap")
    await asking.settle(run_id)
    answer = await ask(asking.server, "advance_time", {"by": "3d"})

    assert answer["complete"]
    assert answer["message"].startswith("The engine's time moved by 3d")
    assert answer["clockAhead"].startswith(("3d", "2d 23h"))
    (woken,) = answer["happened"]
    assert (woken["what"], woken["functionId"], woken["stepName"]) == ("step completed", "lab-nap", "night")
    assert "is due next in 3d 23h" in answer["next"] or "is due next in 4d" in answer["next"]

    # The call that the hint names does what it says.
    to = answer["next"].partition('advance_time to="')[2].partition('"')[0]
    assert to == answer["nextDue"]
    answer = await ask(asking.server, "advance_time", {"to": to})
    assert [entry["what"] for entry in answer["happened"]] == ["wait timed out", "run completed"]
    assert "nextDue" not in answer


async def test_one_run_skips_to_what_it_waits_for_and_then_to_its_end(asking):
    run_id = await asking.start("t/nap")
    await asking.settle(run_id)
    answer = await ask(asking.server, "advance_time", {"runId": run_id})
    assert answer["status"] == "RUNNING"
    assert "waits for an event 't/call'" in answer["message"]
    assert 'send_event name="t/call"' in answer["next"]
    assert "clockAhead" not in answer

    answer = await ask(asking.server, "advance_time", {"runId": run_id, "to": "end"})
    assert answer["status"] == "COMPLETED"
    assert answer["complete"]
    assert "of virtual time (" in answer["message"]

    status = await ask(asking.server, "get_run_status", {"runId": run_id})
    assert status["timeSkipped"].startswith(("7d", "6d 23h"))
    assert status["realDuration"].endswith("s")
    gone = await refused(asking.server, "advance_time", {"runId": run_id})
    assert "has ended before" in gone


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Give `by`"),
        ({"by": "soon"}, "is not a duration"),
        ({"to": "3d"}, "belongs into `by`"),
        ({"to": "end"}, "needs a runId"),
        ({"by": "400d"}, "366 days"),
        ({"to": "2001-01-01T00:00:00Z"}, "forward only"),
        ({"runId": "01JD4Z9QW3V8T5N2B7K1M6X0CR", "by": "1d"}, "No run"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_can(docs, arguments, words):
    async with lab(new_client(), [], clock=ManualClock(wall_ms()), syncs=False) as it:
        server = build_server(it.engine, docs, config=ServerConfig())
        text = await refused(server, "advance_time", arguments)
        assert words in text, text


async def test_a_run_that_waits_for_the_outside_alone_says_how_to_go_on(docs):
    client = new_client()

    @client.create_function(fn_id="stay", trigger=inngest.TriggerEvent(event="t/stay"))
    async def stay(ctx):
        await ctx.step.wait_for_event("sign", event="t/sign", timeout=datetime.timedelta(days=365))

    async with lab(client, [stay]) as it:
        server = build_server(it.engine, docs, config=ServerConfig())
        run_id = await it.start("t/stay")
        await it.settle(run_id)
        text = await refused(server, "advance_time", {"runId": run_id})
        assert "only the outside can send" in text
        assert f"get_run_status runId={run_id}" in text
