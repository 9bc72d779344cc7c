"""What a host sees before any call: definitions that are complete, strict, truthful and small."""

import json
import re
from importlib.metadata import version
from typing import get_args

import pytest
from jsonschema import Draft202012Validator
from mcp_scripted import connected

from mcp_server.config import Toolset
from mcp_server.instructions import MAX_CHARS

pytestmark = pytest.mark.anyio
TOOLS = {
    "list_functions",
    "send_event",
    "invoke_function",
    "poll_run_status",
    "get_run_status",
    "list_runs",
    "list_events",
    "cancel_run",
    "pause_function",
    "doctor",
    "test_function",
    "run_fault_matrix",
    "advance_time",
    "check_replay",
    "rerun",
    "compare_runs",
    "get_coverage",
    "export_test",
    "explain",
    "mock_step",
    "clear_mocks",
    "snapshot_engine",
    "restore_engine",
    "reset_engine",
    "search_docs",
    "grep_docs",
    "read_doc",
    "list_docs",
}
ARGUMENTS = {
    "list_functions": ["appId", "query"],
    "send_event": ["name", "data", "user", "eventIdSeed", "id", "ts", "wait"],
    "invoke_function": ["functionId", "appId", "data", "user", "timeout"],
    "poll_run_status": ["runIds", "timeout", "pollInterval"],
    "get_run_status": ["runId", "detail", "cursor"],
    "list_runs": ["status", "functionId", "appId", "eventName", "eventId", "since", "cursor", "limit"],
    "list_events": ["name", "since", "cursor", "limit", "includeInternal"],
    "cancel_run": ["runId"],
    "pause_function": ["functionId", "appId", "resume", "cancelRuns"],
    "doctor": ["appUrl"],
    "test_function": [
        "functionId",
        "appId",
        "event",
        "data",
        "user",
        "mocks",
        "faults",
        "events",
        "expect",
        "time",
        "timeout",
    ],
    "run_fault_matrix": ["functionId", "runId", "data", "mocks", "events", "kinds", "timeout"],
    "advance_time": ["by", "to", "runId", "timeout"],
    "check_replay": ["runId"],
    "rerun": ["runId", "fromStep", "input", "output", "data", "wait"],
    "compare_runs": ["runIdA", "runIdB"],
    "get_coverage": ["functionId", "since"],
    "export_test": ["runId", "format", "path", "mock"],
    "explain": ["runId", "eventId"],
    "mock_step": ["functionId", "outcomes", "stepId", "index", "times", "runId", "expires"],
    "clear_mocks": ["functionId", "stepId"],
    "snapshot_engine": ["name", "replace", "timeout"],
    "restore_engine": ["name", "timeout"],
    "reset_engine": ["keepSnapshots", "timeout"],
    "search_docs": ["query", "sdk", "category", "limit"],
    "grep_docs": ["pattern", "limit", "context", "path"],
    "read_doc": ["path", "section", "offset", "limit"],
    "list_docs": ["category", "sdk", "cursor"],
}
ACTING = {
    "send_event",
    "invoke_function",
    "cancel_run",
    "pause_function",
    "advance_time",
    "export_test",
    "test_function",
    "run_fault_matrix",
    "check_replay",
    "rerun",
    "mock_step",
    "clear_mocks",
    "snapshot_engine",
    "restore_engine",
    "reset_engine",
}

SHOWN_CHARACTERS = 23_500
"""About 6,000 tokens: 3.9 characters of these definitions are one (o200k)."""


@pytest.fixture
async def tools(server, era):
    async with connected(server, era) as client:
        return (await client.list_tools()).tools


async def test_the_tools_are_these(tools):
    assert {tool.name for tool in tools} == TOOLS


async def test_arguments_have_the_contracted_names(tools):
    assert {tool.name: list(tool.input_schema["properties"]) for tool in tools} == ARGUMENTS


async def test_every_tool_has_a_title_and_all_four_hints(tools):
    for tool in tools:
        hints = tool.annotations.model_dump(exclude={"title"})

        assert tool.title
        assert None not in hints.values()
        assert tool.annotations.read_only_hint is (tool.name not in ACTING)


async def test_every_input_schema_is_strict_and_plain(tools):
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)

        assert tool.input_schema["additionalProperties"] is False
        assert "$ref" not in json.dumps(tool.input_schema)
        assert "anyOf" not in json.dumps(tool.input_schema)


async def test_every_parameter_is_described_with_an_example_or_its_choices(tools):
    for tool in tools:
        for name, parameter in tool.input_schema["properties"].items():
            assert parameter["type"], (tool.name, name)
            text = parameter["description"]
            assert "e.g." in text or "enum" in parameter, (tool.name, name, text)


async def test_numbers_and_lists_have_bounds(tools):
    for tool in tools:
        for name, parameter in tool.input_schema["properties"].items():
            if parameter["type"] in {"integer", "number"}:
                assert "minimum" in parameter, (tool.name, name)


async def test_a_text_that_is_far_too_long_is_refused_with_the_limit(server, tools):
    async with connected(server) as client:
        for tool in tools:
            texts = [
                name
                for name, parameter in tool.input_schema["properties"].items()
                if parameter["type"] == "string" and "enum" not in parameter
            ]
            if not texts:
                continue
            answer = await client.call_tool(tool.name, dict.fromkeys(texts, "x" * 10_000))

            assert answer.is_error
            for name in texts:
                assert re.search(rf"- {name}: .* at most \d+ characters", answer.content[0].text), tool.name


async def test_waits_end_before_hosts_give_up(tools):
    for tool in tools:
        for name in {"wait", "timeout"} & tool.input_schema["properties"].keys():
            assert tool.input_schema["properties"][name]["maximum"] == 55


async def test_every_output_schema_is_an_object_without_pydantic_noise(tools):
    for tool in tools:
        Draft202012Validator.check_schema(tool.output_schema)
        properties = tool.output_schema["properties"]

        assert tool.output_schema["type"] == "object"
        assert {"message", "next"} <= properties.keys()
        assert '"null"' not in json.dumps(tool.output_schema)
        assert all(isinstance(value, dict) for value in properties.values())
        assert "title" not in {key for key, value in tool.output_schema.items() if isinstance(value, str)}


async def test_descriptions_are_short_and_name_the_next_step(tools):
    for tool in tools:
        assert 150 < len(tool.description) < 1_000, tool.name
        assert "Returns" in tool.description, tool.name


async def test_what_a_host_shows_the_model_of_all_tools_stays_under_the_budget(tools):
    shown = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        for tool in tools
    ]

    assert characters(shown) < SHOWN_CHARACTERS


async def test_all_definitions_together_stay_under_the_budget(tools):
    assert (
        characters([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools])
        < 42_000
    )


def characters(definitions):
    return len(json.dumps(definitions, separators=(",", ":"), ensure_ascii=False))


async def test_the_server_introduces_itself(server, era):
    async with connected(server, era) as client:
        assert client.server_info.name == "stepcue"
        assert client.server_info.version == version("stepcue")
        assert client.instructions == server.instructions


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"read_only": True},
        {"toolsets": {"docs"}},
        {"toolsets": {"compat"}},
        {"toolsets": set(get_args(Toolset))},
        {"tools": {"send_event", "rerun"}},
    ],
)
async def test_instructions_fit_what_hosts_show_and_what_is_offered(new_server, settings):
    server = new_server(**settings)
    offered = {tool.name for tool in await server.list_tools()}
    text = server.instructions

    assert len(text) < MAX_CHARS
    assert "never as instructions" in text
    assert set(re.findall(r"\w+", text)) & TOOLS <= offered
    assert set(re.findall(r"\w+", text)) & offered
    assert "{" not in text
    assert ("read-only" in text) is bool(settings.get("read_only"))


async def test_instructions_name_the_tools_for_each_task(server):
    for name in (
        "list_functions",
        "test_function",
        "explain",
        "poll_run_status",
        "search_docs",
        "send_event",
    ):
        assert name in server.instructions


async def test_read_only_offers_nothing_that_acts(new_server):
    async with connected(new_server(read_only=True)) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}

    assert names == TOOLS - ACTING


async def test_toolsets_and_tools_narrow_the_offer(new_server):
    async with connected(new_server(toolsets={"core"}, tools={"send_event", "search_docs"})) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}

    assert names == {"send_event"}


async def test_a_tool_that_does_not_exist_cannot_be_selected(new_server):
    with pytest.raises(ValueError, match="Did you mean 'send_event'"):
        new_server(tools={"send_events"})
