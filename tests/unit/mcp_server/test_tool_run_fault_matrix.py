"""The tool run_fault_matrix through a real client, on the real SDK."""

import inngest
import pytest
from mcp_scripted import ask, refused
from support.sdk_app import lab, new_client
from support.wall import wall_ms

from durable_engine import ManualClock
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def it(docs):
    client, counts = new_client(), {}

    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="t/order"), retries=1)
    async def order(ctx):
        async def charge():
            counts[ctx.run_id] = counts.get(ctx.run_id, 0) + 1
            return {"charge": counts[ctx.run_id]}

        async def mail():
            return "sent"

        await ctx.step.run("charge", charge)
        return [ctx.event.data["id"], await ctx.step.run("mail", mail)]

    async with lab(client, [order], clock=ManualClock(wall_ms(), wall=wall_ms)) as opened:
        opened.server = build_server(opened.engine, docs, config=ServerConfig())
        yield opened


async def test_the_step_that_is_not_safe_to_run_twice_comes_first(it):
    run = await it.settle(await it.start("t/order", {"id": 3}))
    answer = await ask(it.server, "run_fault_matrix", {"runId": run.id})
    (suspect,) = answer["suspects"]
    assert suspect["step"] == "charge"
    assert {"reply_lost", "request_twice", "restart"} == set(suspect["faults"])
    assert "Not safe to run twice: 'charge'" in answer["message"]
    assert "idempotency key" in answer["next"]
    assert answer["runs"] == len(answer["rows"]) == 2 * 7 + 3 * 4
    first = answer["rows"][0]
    assert (first["step"], first["ranAgain"]) == ("charge", ["charge"])
    status = await ask(it.server, "get_run_status", {"runId": first["runId"]})
    assert status["output"] == [3, "sent"]


async def test_only_the_kinds_that_are_asked_for(it):
    arguments = {
        "functionId": "order",
        "data": {"id": 1},
        "kinds": ["reply_lost"],
        "mocks": [{"stepId": "charge", "result": None}],
    }
    answer = await ask(it.server, "run_fault_matrix", arguments)
    assert {row["fault"] for row in answer["rows"]} == {"reply_lost"}
    assert answer["suspects"] == []
    assert [row["ranAgain"] for row in answer["rows"] if row.get("step") == "mail"] == [["mail"]]


async def test_what_cannot_be_measured_or_asked_for(it):
    assert "one of both" in await refused(it.server, "run_fault_matrix", {})
    text = await refused(it.server, "run_fault_matrix", {"functionId": "order", "kinds": ["earthquake"]})
    assert "reply_lost" in text
    answer = await ask(it.server, "run_fault_matrix", {"functionId": "order", "timeout": 0})
    assert "No fault was tried" in answer["message"]


async def test_a_function_that_fails_with_nothing_broken_is_not_called_unharmed_only(it):
    arguments = {"functionId": "order", "mocks": [{"stepId": "charge", "result": 1}], "kinds": ["restart"]}
    answer = await ask(it.server, "run_fault_matrix", arguments)  # its code needs data.id
    assert answer["baselineStatus"] == "FAILED"
    assert answer["message"].startswith("The run with nothing broken is FAILED itself. ")
    assert answer["next"].startswith(f'explain runId="{answer["baselineRunId"]}"')
