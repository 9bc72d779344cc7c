"""Resources: what tools show, at an address; bounded, and not found with the nearest that is there."""

import json
import re

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference
from mcp_observed import served
from support.shipped_docs import shipped_docs

from mcp_server.completions import MAX_VALUES
from mcp_server.config import ServerConfig
from mcp_server.render.budget import MAX_CHARS
from mcp_server.resources.functions import MAX_LISTED
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


async def content(client, uri):
    (part,) = (await client.read_resource(uri)).contents
    assert part.uri == uri
    assert len(part.text) <= MAX_CHARS
    return part


async def test_functions_are_listed_as_they_are_synced_beside_what_is_always_there(docs, era):
    async with served(docs) as (it, _, server), Client(server, mode=era) as client:
        before = [resource.uri for resource in (await client.list_resources()).resources]
        templates = (await client.list_resource_templates()).resource_templates
        await it.engine.remove_app("http://127.0.0.1:8000/api/inngest")
        after = (await client.list_resources()).resources

    assert before == ["run://recent", "docs://index", "function://lab-wait"]
    assert [resource.uri for resource in after] == ["run://recent", "docs://index"]
    assert {template.uri_template: template.mime_type for template in templates} == {
        "run://{runId}": "application/json",
        "function://{functionId}": "application/json",
        "docs://{+path}": "text/markdown",
    }
    assert all(entry.title and entry.description for entry in (*after, *templates))


async def test_a_run_is_what_the_tool_shows(docs, era):
    async with served(docs) as (it, _, server), Client(server, mode=era) as client:
        run_id = await it.start("t/wait", {"n": 1})
        await it.engine.settle()
        part = await content(client, f"run://{run_id}")
        told = await client.call_tool("get_run_status", {"runId": run_id})
        newest = json.loads((await content(client, "run://recent")).text)
        await it.send("t/ok", {"n": 1})
        await it.settle(run_id)
        later = json.loads((await content(client, f"run://{run_id}")).text)

    assert later["status"] == "COMPLETED"  # and not what a client may have kept
    assert part.mime_type == "application/json"
    assert json.loads(part.text) == told.structured_content
    assert [(run["runId"], run["status"]) for run in newest["runs"]] == [(run_id, "RUNNING")]


async def test_a_huge_run_says_what_is_cut(docs):
    async with served(docs) as (it, _, server), Client(server) as client:
        run_id = await it.start("t/wait", {"n": 1, "text": "x" * 100_000})
        await it.engine.settle()
        run = json.loads((await content(client, f"run://{run_id}")).text)

    assert run["truncated"].startswith("1 values are cut")


async def test_a_function_is_shown_with_its_steps_and_runs(docs, era):
    async with served(docs) as (it, _, server), Client(server, mode=era) as client:
        fresh = json.loads((await content(client, "function://wait")).text)
        run_ids = [await it.start("t/wait", {"n": number}) for number in range(12)]
        await it.engine.settle()
        known = json.loads((await content(client, "function://lab-wait")).text)

    assert (fresh["stepsSeen"], fresh["recentRuns"]) == ([], [])
    assert fresh["function"]["triggers"] == [{"event": "t/wait"}]
    assert known["stepsSeen"] == [{"stepId": "approval", "kind": "WAIT_FOR_EVENT"}]
    assert [run["runId"] for run in known["recentRuns"]] == run_ids[:1:-1]


async def test_ids_that_are_no_plain_words_have_addresses_too(docs, era):
    async with served(docs) as (it, _, server), Client(server, mode=era) as client:
        await it.engine.register_app(odd_app("a/../ö x"))
        (uri,) = [
            r.uri for r in (await client.list_resources()).resources if r.uri.startswith("function://odd")
        ]
        shown = json.loads((await content(client, uri)).text)

    assert uri == "function://odd-a%2F..%2F%C3%B6%20x"
    assert shown["function"]["id"] == "odd-a/../ö x"


async def test_no_more_functions_are_listed_than_fit(docs):
    async with served(docs) as (it, _, server):
        await it.engine.register_app(odd_app(*(f"f{number}" for number in range(150))))
        listed = [r.uri for r in await server.list_resources() if r.uri.startswith("function://")]

    assert len(listed) == MAX_LISTED


def odd_app(*names):
    step = {"runtime": {"url": "http://127.0.0.1:9/api?fnId=x&stepId=step"}, "retries": {"attempts": 4}}
    functions = [
        {"id": f"odd-{name}", "name": name, "triggers": [{"event": "t/odd"}], "steps": {"step": step}}
        for name in names
    ]
    return {
        "appName": "odd",
        "url": "http://127.0.0.1:9/api",
        "sdk": "py:v0.5.19",
        "functions": functions,
    }


async def test_a_page_is_markdown_and_a_long_one_says_how_to_go_on(docs, era):
    async with served(docs) as (_, _, server), Client(server, mode=era) as client:
        page = await content(client, "docs://steps/run")
        long = await content(client, "docs://guides/long")
        index = await content(client, "docs://index")

    assert page.mime_type == long.mime_type == index.mime_type == "text/markdown"
    assert page.text == docs.read("steps/run").text
    offset = docs.read("guides/long").next_offset
    assert f'read_doc path="guides/long" offset={offset} continues]' in long.text.splitlines()[-1]
    assert "- `steps/wait`: Wait for an event. Pause a run until an event arrives." in index.text


async def test_every_shipped_page_is_in_the_index():
    shipped = shipped_docs()
    async with served(shipped) as (_, _, server), Client(server) as client:
        index = await content(client, "docs://index")

    listed = re.findall(r"^- `([^`]+)`: ", index.text, re.MULTILINE)
    assert len(listed) == shipped.list().total
    assert len(index.text) <= 20_000


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("run://nobody", "No run 'nobody'. Nearest: {run_id}."),
        ("function://lab-wayt", "No function 'lab-wayt'. Nearest: lab-wait."),
        ("docs://steps/rum", "There is no page called 'steps/rum'. Nearest: steps/run"),
        ("docs://../../etc/passwd", "Unknown resource"),
        ("docs:///etc/passwd", "Unknown resource"),
        ("docs://%2e%2e/%2e%2e/etc/passwd", "Unknown resource"),
        ("docs://", "There is no page"),
        ("run://", "No run ''."),
        ("file:///etc/passwd", "Unknown resource"),
        ("run://" + "x" * 5_000, "No run 'xxx"),
    ],
)
async def test_what_is_not_there_is_not_found_and_the_nearest_is_named(docs, era, uri, words):
    async with served(docs) as (it, _, server), Client(server, mode=era) as client:
        run_id = await it.start("t/wait", {"n": 1})
        await it.engine.settle()
        with pytest.raises(MCPError) as missing:
            await client.read_resource(uri)

    assert missing.value.code == -32602
    assert missing.value.data == {"uri": uri}
    assert missing.value.message.startswith(words.format(run_id=run_id))
    assert len(missing.value.message) < 500


@pytest.mark.parametrize(
    ("settings", "uris"),
    [
        ({"read_only": True}, {"run://{runId}", "function://{functionId}", "docs://{+path}"}),
        ({"toolsets": frozenset({"docs"})}, {"docs://{+path}"}),
        ({"toolsets": frozenset({"core"})}, {"run://{runId}", "function://{functionId}"}),
        ({"tools": frozenset({"search_docs"})}, set()),
    ],
)
async def test_a_resource_is_offered_with_the_tool_that_shows_the_same(docs, settings, uris):
    async with served(docs) as (it, _, _):
        server = build_server(it.engine, docs, config=ServerConfig(**settings))
        templates = {template.uri_template for template in await server.list_resource_templates()}
        listed = {resource.uri.partition("://")[0] for resource in await server.list_resources()}

    assert templates == uris
    assert listed == {uri.partition("://")[0] for uri in uris}


async def complete(client, argument, typed, *, prompt=None):
    ref = (
        PromptReference(type="ref/prompt", name=prompt)
        if prompt
        else ResourceTemplateReference(type="ref/resource", uri="any://{x}")
    )
    return (await client.complete(ref, {"name": argument, "value": typed})).completion


async def test_runs_are_completed_newest_first_and_at_most_a_hundred(docs, era):
    async with served(docs) as (it, _, server), Client(server, mode=era) as client:
        run_ids = [await it.start("t/wait", {"n": number}) for number in range(MAX_VALUES + 5)]
        await it.engine.settle()
        every = await complete(client, "runId", "", prompt="debug_run")
        one = await complete(client, "runId", run_ids[3].lower())
        middle = await complete(client, "runId", run_ids[3][-5:])

    assert every.values == run_ids[: -MAX_VALUES - 1 : -1]
    assert (every.total, every.has_more) == (MAX_VALUES + 5, True)
    assert (one.values, one.total, one.has_more) == ([run_ids[3]], 1, False)
    assert run_ids[3] in middle.values


async def test_functions_and_pages_are_completed_by_beginning_and_middle(docs, era):
    async with served(docs) as (_, _, server), Client(server, mode=era) as client:
        functions = await complete(client, "functionId", "WAIT", prompt="test_function")
        pages = await complete(client, "path", "n")
        begun = await complete(client, "path", "Steps/")

    assert functions.values == ["lab-wait"]
    assert set(pages.values) == {"steps/run", "guides/cancellation", "guides/long"}
    assert begun.values == ["steps/run", "steps/wait"]


@pytest.mark.parametrize("argument", ["what", "file", "", "nonsense"])
async def test_arguments_in_free_words_have_no_completions(docs, argument):
    async with served(docs) as (_, _, server), Client(server) as client:
        completion = await complete(client, argument, "a", prompt="test_function")

    assert (completion.values, completion.total, completion.has_more) == ([], 0, False)
