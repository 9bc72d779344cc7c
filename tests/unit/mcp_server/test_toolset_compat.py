"""The toolset compat: other names, the same answers, on runs of the real SDK in a real engine."""

import datetime
import json

import inngest
import pytest
from jsonschema import Draft202012Validator
from mcp_scripted import ask, connected, refused
from support.sdk_app import ENGINE_ORIGIN, lab, new_client

from durable_engine import NewEvent
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio
NAMES = {
    "get_run",
    "get_run_trace",
    "get_event",
    "get_event_runs",
    "list_function_runs",
    "get_apps",
    "invoke_function_sync",
}
ALL = frozenset({"core", "testing", "docs", "compat"})


@pytest.fixture
async def shop(docs):
    client = new_client()

    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="t/order"), retries=0)
    async def order(ctx):
        async def body():
            return "x" * 5_000

        await ctx.step.run("charge", body)
        if ctx.event.data.get("waits"):
            await ctx.step.sleep("nap", datetime.timedelta(hours=1))
        return "done"

    async with lab(client, [order]) as shop:
        config = ServerConfig(engine_url=ENGINE_ORIGIN, toolsets=ALL)
        shop.server = build_server(shop.engine, docs, config=config)
        yield shop


async def test_each_answers_as_the_tool_that_it_names(shop, era):
    receipt = await shop.engine.send_event(NewEvent(name="t/order", data={"waits": True}))
    run_id, event_id = receipt.started[0].run_id, receipt.event.id
    await shop.engine.settle()
    twins = [
        ("get_run", {"runId": run_id, "includeOutput": True}, "get_run_status", {"runId": run_id}),
        ("get_run_trace", {"runId": run_id}, "get_run_status", {"runId": run_id, "detail": "full"}),
        ("get_event", {"eventId": event_id}, "explain", {"eventId": event_id}),
        ("get_event_runs", {"eventId": event_id}, "list_runs", {"eventId": event_id}),
        (
            "list_function_runs",
            {"functionId": "order", "appId": "lab", "status": "RUNNING", "limit": 5},
            "list_runs",
            {"functionId": "order", "appId": "lab", "status": "RUNNING", "limit": 5},
        ),
        ("get_apps", {}, "list_functions", {}),
    ]
    for name, arguments, ours, our_arguments in twins:
        expected = await ask(shop.server, ours, our_arguments, era=era)
        assert await ask(shop.server, name, arguments, era=era) == expected, name


async def test_a_function_is_invoked_and_its_result_awaited(shop, era):
    answer = await ask(
        shop.server, "invoke_function_sync", {"functionId": "lab-order", "timeout": 30}, era=era
    )

    assert (answer["status"], answer["output"]) == ("COMPLETED", "done")


async def test_they_are_as_strict_as_all_tools(shop):
    assert "Did you mean 'runId'?" in await refused(shop.server, "get_run", {"run_id": "x"})
    assert "No function 'lab-ordr'" in await refused(
        shop.server, "list_function_runs", {"functionId": "lab-ordr"}
    )
    assert "No event 'nope'" in await refused(shop.server, "get_event_runs", {"eventId": "nope"})


async def test_they_are_offered_only_when_asked_for_and_read_only_holds(shop, docs):
    def names(**settings):
        server = build_server(shop.engine, docs, config=ServerConfig(**settings))
        return {tool.name for tool in server._strict_tools.values()}

    assert not NAMES & names()
    assert names(toolsets={"compat"}) == NAMES
    assert names(toolsets={"compat"}, read_only=True) == NAMES - {"invoke_function_sync"}
    assert names(toolsets={"compat"}, tools={"get_run"}) == {"get_run"}


async def test_their_definitions_are_complete_and_short(shop, era):
    async with connected(shop.server, era) as client:
        tools = [tool for tool in (await client.list_tools()).tools if tool.name in NAMES]

    assert len(tools) == len(NAMES)
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
        own = {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}

        assert len(json.dumps(own, separators=(",", ":"), ensure_ascii=False)) <= 900, tool.name
        assert len(tool.description) > 150, tool.name
        assert "another name of" in tool.description, tool.name
        assert "Returns what " in tool.description, tool.name
        assert tool.input_schema["additionalProperties"] is False
        for parameter in tool.input_schema["properties"].values():
            assert "e.g." in parameter["description"] or "enum" in parameter
        assert tool.annotations.read_only_hint is (tool.name != "invoke_function_sync")
