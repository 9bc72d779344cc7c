"""What a session over a server elsewhere offers, and what it says of tools that need the embedded engine."""

from __future__ import annotations

import httpx
import pytest
from mcp import Client
from support.remote_server import FAR, PassingClock, ScriptedServer, dev_server, target, v1, v2
from support.shipped_docs import shipped_docs

from mcp_server.config import ServerConfig
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote_server import build_remote_server

pytestmark = pytest.mark.anyio

READING = ["list_functions", "poll_run_status", "get_run_status", "list_runs", "list_events", "doctor"]
UNDERSTANDING = ["compare_runs", "get_coverage", "export_test", "explain"]
SINGLE_NODE = httpx.Response(
    200, json={"isSingleNodeService": True}, headers={"x-inngest-server-kind": "dev"}
)
DOCS = ["search_docs", "grep_docs", "read_doc", "list_docs"]


async def names_and_answers(scripted, *calls, engine="http://127.0.0.1:8288", config=None, **options):
    """Return the names of the tools, and the results of calls of them."""
    opened = RemoteBackend.open(target(engine, **options), clock=PassingClock(), transport=scripted)
    async with opened as backend:
        await backend.api.known()
        given = ServerConfig(is_remote=True, engine_url=engine, **(config or {}))
        server = build_remote_server(backend, shipped_docs(), config=given)
        async with Client(server) as client:
            tools = (await client.list_tools()).tools
            results = [await client.call_tool(name, arguments) for name, arguments in calls]
            return tools, results, client.instructions


def names(tools):
    return [tool.name for tool in tools]


async def test_tools_of_the_embedded_engine_are_not_listed_and_say_where_they_are():
    tools, (mocked, sent, mirrored), said = await names_and_answers(
        dev_server(),
        ("mock_step", {"functionId": "a", "stepId": "b"}),
        ("advanceTime", {}),
        ("mirror_run", {"runId": "x"}),
    )

    acting = {"send_event", "invoke_function", "cancel_run", "rerun"}
    assert set(names(tools)) == {*READING, *acting, *UNDERSTANDING, *DOCS}
    assert mocked.is_error
    assert "mock_step needs the embedded engine" in mocked.content[0].text
    assert "`stepcue dev` without --engine" in mocked.content[0].text
    assert sent.is_error
    assert "that server as --mirror instead of --engine" in mirrored.content[0].text
    assert "Inngest Dev Server at http://127.0.0.1:8288" in said
    assert len(said) < 2_000
    assert "mock_step" not in said


async def test_a_tool_of_the_embedded_engine_is_listed_when_it_is_asked_for():
    config = {"tools": frozenset({"list_runs", "advance_time"}), "toolsets": frozenset({"core", "testing"})}
    tools, (answer,), _ = await names_and_answers(dev_server(), ("advance_time", {"by": "1d"}), config=config)

    assert names(tools) == ["list_runs", "advance_time"]
    assert "needs the embedded engine" in answer.content[0].text


@pytest.mark.parametrize(
    ("scripted", "engine", "options", "writes"),
    [
        (dev_server(), "http://127.0.0.1:8288", {}, True),
        (dev_server(), FAR, {}, False),
        (dev_server(), FAR, {"allows_writes": True}, True),
        (dev_server(**{"GET /dev": None}), "http://127.0.0.1:8288", {}, False),
        (dev_server(**{"GET /dev": {"version": "1.12.0"}}), "http://127.0.0.1:8288", {}, False),
        (dev_server(**{"GET /dev": SINGLE_NODE}), "http://127.0.0.1:8288", {}, False),
        (dev_server(**{"GET /dev": None}), "http://127.0.0.1:8288", {"allows_writes": True}, True),
    ],
)
async def test_only_a_dev_server_of_this_machine_is_written_to_unasked(scripted, engine, options, writes):
    tools, (sent, alias), said = await names_and_answers(
        scripted, ("send_event", {"name": "a/b"}), ("sendEvent", {"name": "a/b"}), engine=engine, **options
    )

    assert ("send_event" in names(tools)) is writes
    if not writes:
        assert alias.content == sent.content
        assert "--allow-writes" in sent.content[0].text
        assert "read-only" in said
        assert not any("/e/" in path for path in scripted.paths())


async def test_every_answer_about_workflows_names_its_environment_in_both_channels():
    scripted = dev_server(**{"GET /v2/runs/x": httpx.Response(404, json={"errors": [{"code": "not_found"}]})})
    tools, (listed, unknown, pages), _ = await names_and_answers(
        scripted, ("list_runs", {}), ("get_run_status", {"runId": "x"}), ("list_docs", {})
    )

    where = "Inngest Dev Server at http://127.0.0.1:8288"
    assert listed.structured_content["environment"] == where
    assert f"environment: {where}" in listed.content[0].text
    assert f"(Environment: {where}.)" in unknown.content[0].text
    assert "environment" not in pages.structured_content
    assert all(
        "environment" in tool.output_schema["properties"]
        for tool in tools
        if tool.name in READING + UNDERSTANDING
    )


async def test_fields_words_and_shapes_that_nobody_knows_break_nothing():
    odd = {
        "id": "01KF0000000000000000000001",
        "app": None,
        "function": {"id": 7, "name": ["x"]},
        "status": "PONDERING",
        "queuedAt": "yesterday",
        "endedAt": "0001-01-01T00:00:00Z",
        "trigger": {"eventIds": "none", "isBatch": 3},
        "new": {"field": 1},
    }
    span = {
        "name": None,
        "status": 9,
        "stepOp": "DREAM",
        "children": [None, {"stepId": "s", "status": "??"}, 5],
    }
    scripted = dev_server(
        **{
            "GET /v2/runs": v2([odd, None, 3]),
            "GET /v2/runs/x": v2(odd),
            "GET /v2/runs/x/trace": v2({"rootSpan": {"children": [span]}}),
            "GET /v2/apps": v2([{"id": "shop", "latestSync": 3}, {"name": None}]),
            "GET /v2/apps/shop/functions": v2([{"id": None, "triggers": 3, "configuration": []}, "x"]),
        }
    )
    _, results, _ = await names_and_answers(
        scripted, ("list_runs", {}), ("get_run_status", {"runId": "x"}), ("list_functions", {})
    )

    assert [result.is_error for result in results] == [False, False, False]
    run = results[1].structured_content
    assert run["status"] == "QUEUED"
    assert "'PONDERING'" in run["notes"][0]
    assert [step["kind"] for step in run["steps"]] == ["RUN"]


async def test_a_server_that_does_not_answer_is_a_sentence_with_what_to_do():
    class Gone(ScriptedServer):
        is_gone = False

        async def handle_async_request(self, request):
            if self.is_gone:
                raise httpx.ConnectError("refused", request=request)
            return await super().handle_async_request(request)

    scripted = Gone(dev_server(**{"GET /v1/events": v1([])}).routes)
    async with RemoteBackend.open(target(), clock=PassingClock(), transport=scripted) as backend:
        await backend.api.known()
        server = build_remote_server(backend, shipped_docs(), config=ServerConfig(is_remote=True))
        scripted.is_gone = True
        async with Client(server) as client:
            answer = await client.call_tool("list_functions", {})

    text = answer.content[0].text
    assert answer.is_error
    assert text.startswith("Nobody answers at http://127.0.0.1:8288. Check that the server runs")
    assert "npx inngest-cli@latest dev" in text
