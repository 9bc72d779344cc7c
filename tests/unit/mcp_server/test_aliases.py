"""Other names of tools are called, or answered with the right call."""

import pytest
from mcp_scripted import EVENT_ID, RUN_ID, a_run, ask, connected, refused

from durable_engine import Engine, EngineConfig
from mcp_server.aliases import INSTEAD, RENAMED, tool_meant, what_instead
from mcp_server.config import ServerConfig
from mcp_server.nearest import plain
from mcp_server.tools.catalog import all_tools

pytestmark = pytest.mark.anyio


@pytest.fixture
async def by_set(docs):
    async with await Engine.open(EngineConfig()) as engine:
        toolsets = {"core", "testing", "docs", "compat"}
        yield all_tools(engine, docs, ServerConfig(toolsets=toolsets))


async def test_every_alias_leads_to_a_tool_and_hides_none(by_set):
    compat = {tool.name: tool for tool in by_set.pop("compat")}
    ours = {tool.name: tool for tools in by_set.values() for tool in tools}
    aliases = [*RENAMED, *INSTEAD]

    assert {*RENAMED.values(), *(tool for tool, _ in INSTEAD.values())} <= ours.keys()
    assert not {plain(alias) for alias in aliases} & {plain(name) for name in ours}
    assert len({plain(alias) for alias in aliases}) == len(aliases)
    assert compat.keys() <= set(aliases)


async def test_a_renamed_tool_takes_what_its_compat_twin_requires(by_set):
    compat = {tool.name: tool for tool in by_set.pop("compat")}
    ours = {tool.name: tool for tools in by_set.values() for tool in tools}
    for name in compat.keys() & RENAMED.keys():
        target = ours[RENAMED[name]].parameters

        assert compat[name].parameters["required"] == target["required"]


@pytest.mark.parametrize("name", ["get_run", "getRunDetails", "get-run-status", "GetRunStatus"])
async def test_another_name_or_spelling_is_called(server, backend, era, name):
    backend.runs[RUN_ID] = a_run()

    expected = await ask(server, "get_run_status", {"runId": RUN_ID}, era=era)
    assert await ask(server, name, {"runId": RUN_ID}, era=era) == expected


async def test_waiting_and_sending_have_other_names_too(server, backend):
    backend.runs[RUN_ID] = a_run()

    assert (await ask(server, "wait_for_runs", {"runIds": [RUN_ID]}))["allEnded"]
    assert (await ask(server, "trigger_event", {"name": "shop/order.placed"}))["eventId"] == EVENT_ID
    assert (await ask(server, "run_function", {"functionId": "shop-pay"}))["runId"] == RUN_ID
    assert [event.name for event, _ in backend.sent] == ["shop/order.placed"]


async def test_arguments_of_another_name_are_checked_as_those_of_the_tool(server):
    text = await refused(server, "get_run", {"runID": "x"})

    assert "Bad arguments for get_run_status:" in text
    assert "Did you mean 'runId'" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("get_run_trace", 'get_run_status with runId and detail="full" shows every step.'),
        ("list_function_runs", "list_runs with functionId lists the runs of a function."),
        ("resumeFunction", "pause_function with functionId and resume=true ends a pause."),
        ("lst_runs", "Did you mean 'list_runs'?"),
        ("make_coffee", "There is no tool 'make_coffee'. Tools here: list_functions,"),
    ],
)
async def test_what_needs_another_call_is_answered_with_it(server, era, name, words):
    assert words in await refused(server, name, {}, era=era)


async def test_an_alias_never_gets_around_what_a_server_offers(new_server, backend):
    server = new_server(read_only=True)
    async with connected(server) as client:
        result = await client.call_tool("trigger_event", {"name": "shop/order.placed"})

    assert result.is_error
    assert "That is send_event, which this server was started without." in result.content[0].text
    assert backend.sent == []
    assert tool_meant("stop_run", {"list_runs"}) is None
    assert what_instead("get_apps", ["list_runs"]).startswith("list_functions (this server was started")
