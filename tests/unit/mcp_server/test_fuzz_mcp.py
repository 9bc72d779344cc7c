"""Hostile clients of `/mcp`: every message is answered, every tool says what is wrong, and nothing breaks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from support.doors import Doors, doors, stride
from support.nasty import VALUES, Raw, changed, deep, places, written

from durable_engine.model.json_value import MAX_DEPTH
from mcp_server.http import MCP_PATH

pytestmark = pytest.mark.anyio
MODERN: Final = "2026-07-28"
REVISIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
ACCEPT: Final = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
META: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
LEAKS: Final = ("Traceback", "fault in Stepcue", "set_int_max", "pydantic", "InternalEngineError", 'File "')
MAX_ANSWER_BYTES: Final = 150_000


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def it() -> AsyncIterator[Doors]:
    async with doors() as opened:
        yield opened


async def _post(it: Doors, content: bytes, **headers: str) -> httpx.Response:
    answer = await it.send("POST", MCP_PATH, content=content, headers={**ACCEPT, **headers})
    assert answer.status_code < 500, (content[:300], answer.text)
    assert not any(leak in answer.text for leak in LEAKS), (content[:300], answer.text)
    assert it.faults.found == [], content[:300]
    assert len(answer.content) < MAX_ANSWER_BYTES, content[:300]
    return answer


async def _ask(it: Doors, method: str, params: Any, *, name: str | None = None) -> Any:
    """Send a request of the modern revision; return the answer."""
    about = {**params, "_meta": META} if isinstance(params, dict) else params
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": about}
    named = {} if name is None else {"Mcp-Name": name}
    answer = await _post(it, written(body), **{"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **named})
    if answer.headers["content-type"].startswith("application/json"):
        return answer.json()
    data = [line for line in answer.text.splitlines() if line.startswith("data: ") and "jsonrpc" in line]
    return json.loads(data[-1].removeprefix("data: "))


def _rights(run: str, event: str) -> dict[str, dict[str, Any]]:
    """Return a right call of every tool; those that take away what others look at come last."""
    function = {"functionId": "lab-job"}
    mock = {"stepId": "a", "sequence": [{"result": 1}, {"error": {"message": "m", "data": 1}}]}
    sent = [{"name": "x/y", "data": {"a": 1}, "afterStep": "a"}, {"signal": "s", "data": 1, "after": "1s"}]
    expect = {"output": 1, "steps": {"a": {"status": "COMPLETED"}}, "ran": ["a"], "eventsSent": ["x"]}
    return {
        "list_functions": {"appId": "lab", "query": "job"},
        "send_event": {
            "name": "t/x",
            "data": {"a": 1},
            "user": {},
            "id": "i",
            "ts": 1795310824300,
            "wait": 0,
        },
        "invoke_function": {**function, "appId": "lab", "data": {"a": 1}, "user": {"b": 1}, "timeout": 0},
        "poll_run_status": {"runIds": [run], "timeout": 0, "pollInterval": 1},
        "get_run_status": {"runId": run, "detail": "full", "cursor": "0"},
        "list_runs": {"functionId": "lab-job", "eventId": event, "since": "2h", "cursor": run, "limit": 3},
        "list_events": {"name": "t/job", "since": "2h", "cursor": event, "limit": 3},
        "cancel_run": {"runId": run},
        "doctor": {"appUrl": "http://127.0.0.1:8000/api/inngest"},
        "test_function": {**function, "mocks": [mock], "events": sent, "expect": expect, "timeout": 0},
        "run_fault_matrix": {"runId": run, "data": {"a": 1}, "kinds": ["step_error"], "timeout": 0},
        "advance_time": {"by": "1s", "timeout": 0},
        "check_replay": {"runId": run},
        "rerun": {"runId": run, "fromStep": "a", "output": {"result": 1}, "wait": 0},
        "compare_runs": {"runIdA": run, "runIdB": run},
        "get_coverage": {**function, "since": "2h"},
        "export_test": {"runId": run, "format": "pytest", "mock": "all"},
        "explain": {"runId": run},
        "mock_step": {**function, "stepId": "b", "outcomes": [{"result": {"a": 1}}], "expires": "1m"},
        "clear_mocks": {**function, "stepId": "b"},
        "search_docs": {"query": "retries", "sdk": "python", "category": "guides", "limit": 3},
        "grep_docs": {"pattern": "retr", "limit": 3, "context": 1, "path": "guides"},
        "read_doc": {"path": "steps/fetch", "section": "Use", "offset": 0, "limit": 100},
        "list_docs": {"category": "guides", "sdk": "python"},
        # A function that is paused would let the others wait.
        "pause_function": {**function, "resume": True},
        "snapshot_engine": {"name": "s", "replace": True, "timeout": 0},
        "restore_engine": {"name": "s", "timeout": 0},
        "reset_engine": {"keepSnapshots": True, "timeout": 0},
    }


async def test_every_tool_answers_with_a_sentence_whatever_its_arguments_are(it: Doors) -> None:
    run = await it.run()
    rights = _rights(run.id, run.event.id)
    tools = (await _ask(it, "tools/list", {}))["result"]["tools"]
    assert {tool["name"] for tool in tools} == set(rights)
    number = 0
    for tool, right in rights.items():
        assert "result" in await _ask(it, "tools/call", {"name": tool, "arguments": right}, name=tool)
        for path in places(right):
            for nasty in VALUES:
                number += 1
                if number % stride(127) == 0:
                    await _check_call(it, tool, changed(right, path, nasty), path)


async def _check_call(it: Doors, tool: str, arguments: Any, path: tuple[Any, ...]) -> None:
    # Clients may send what is an object as JSON text, too: no parser of the protocol has seen that.
    as_text = {
        key: written(value).decode() if isinstance(value, dict | list | Raw) else value
        for key, value in (arguments.items() if isinstance(arguments, dict) else ())
    }
    for given in (arguments, as_text):
        answer = await _ask(it, "tools/call", {"name": tool, "arguments": given}, name=tool)
        if "error" in answer:
            assert answer["error"]["code"] in {-32600, -32602, -32700}, answer
            continue
        text = "".join(block["text"] for block in answer["result"]["content"])
        assert text.strip()
        if answer["result"].get("isError") and text.startswith("Bad arguments") and path:
            assert str(path[0]) in text


@pytest.mark.parametrize("value", [Raw("NaN"), Raw("1e400"), [Raw("-Infinity")]])
@pytest.mark.parametrize("is_text", [True, False])
async def test_a_number_that_json_has_not_is_refused_with_the_name_of_its_argument(
    it: Doors, value: Any, *, is_text: bool
) -> None:
    data: Any = {"a": value}
    arguments = {"name": "t/x", "data": written(data).decode() if is_text else data}
    answer = await _ask(it, "tools/call", {"name": "send_event", "arguments": arguments}, name="send_event")

    text = answer["result"]["content"][0]["text"]
    assert "- data: must be JSON without NaN or Infinity" in text


async def test_arguments_as_text_nest_no_deeper_than_others(it: Doors) -> None:
    for levels, is_refused in ((MAX_DEPTH - 5, False), (MAX_DEPTH + 1, True), (5_000, True)):
        arguments = {"name": "t/x", "data": written({"a": deep(levels)}).decode()}
        answer = await _ask(
            it, "tools/call", {"name": "send_event", "arguments": arguments}, name="send_event"
        )
        assert answer["result"].get("isError", False) is is_refused
        if is_refused:
            assert "- data: " in answer["result"]["content"][0]["text"]


MESSAGES: Final[tuple[Any, ...]] = (
    [],
    [{}],
    [{"jsonrpc": "2.0", "id": 1, "method": "ping"}] * 300,
    {"jsonrpc": "1.0", "id": 1, "method": "ping"},
    {"id": 1, "method": "ping"},
    {"jsonrpc": "2.0", "method": "ping"},
    {"jsonrpc": "2.0", "id": 1},
    {"jsonrpc": "2.0", "id": 1, "result": {}},
    {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}},
    {"jsonrpc": "2.0", "id": 1, "method": "", "params": {}},
    {"jsonrpc": "2.0", "id": 1, "method": "x" * 100_000, "params": {}},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [1, 2]},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": {"a": 1}}},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "\x00", "arguments": {}}},
    {"jsonrpc": "2.0", "id": 1, "method": "notifications/cancelled", "params": {"requestId": {}}},
    {"jsonrpc": "2.0", "method": "notifications/" + "y" * 10_000},
)


@pytest.mark.parametrize("revision", [*REVISIONS, MODERN, "2099-01-01", "x" * 5_000, ""])
async def test_messages_that_are_none_are_refused_in_every_revision(it: Doors, revision: str) -> None:
    headers = {"MCP-Protocol-Version": revision, "Mcp-Method": "tools/call", "Mcp-Session-Id": "nobody's"}
    for message in MESSAGES:
        await _post(it, written(message), **headers)
        await _post(it, written(message), **{"MCP-Protocol-Version": revision})


async def test_a_message_with_something_nasty_anywhere_is_answered(it: Doors) -> None:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "list_docs", "arguments": {}, "_meta": META},
    }
    ways = list(places(message))
    for number, nasty in enumerate(nasty for way in ways for nasty in [(way, value) for value in VALUES]):
        if number % stride(29) == 0:
            await _post(it, written(changed(message, *nasty)), **{"MCP-Protocol-Version": MODERN})
            await _post(it, written(changed(message, *nasty)))


ASKED: Final[tuple[tuple[str, dict[str, Any], str | None], ...]] = (
    ("resources/read", {"uri": "docs://steps/fetch"}, "docs://steps/fetch"),
    ("prompts/get", {"name": "debug_run", "arguments": {"runId": "x"}}, "debug_run"),
    (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "debug_run"}, "argument": {"name": "runId", "value": "x"}},
        None,
    ),
    ("resources/list", {"cursor": "x"}, None),
    ("tasks/get", {"taskId": "x"}, "x"),
)


@pytest.mark.parametrize(("method", "right", "name"), ASKED, ids=[asked[0] for asked in ASKED])
async def test_resources_prompts_and_completions_answer_whatever_is_asked(
    it: Doors, method: str, right: dict[str, Any], name: str | None
) -> None:
    cases = [changed(right, way, value) for way in places(right) if way for value in VALUES]
    for params in cases[:: stride(17)]:
        answer = await _ask(it, method, params, name=name)
        assert "result" in answer or answer["error"]["message"]
