"""The MCP side when processes stop, clients go away or come in crowds; processes and SDK are real."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import inngest
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from support.full_server import full_server
from support.processes import REPOSITORY, Stepcue, call, sdk_app, stepcue
from support.sdk_app import Lab, lab, new_client

from docs_index import DocsIndex
from durable_engine import RealClock

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"
WAYS = ["auto", "legacy", "stdio"]
ORDER = {"orderId": "1", "items": [{"sku": "mug", "price": 12, "quantity": 2}]}


@asynccontextmanager
async def client_of(port: int, way: str) -> AsyncIterator[Client]:
    """Connect over HTTP in one of the eras, or over stdio attached to the server."""
    if way != "stdio":
        async with Client(f"http://127.0.0.1:{port}/mcp", mode=way) as over_http:
            yield over_http
        return
    arguments = ["-m", "mcp_server", "mcp", "--port", str(port)]
    async with Client(
        stdio_client(StdioServerParameters(command=sys.executable, args=arguments))
    ) as attached:
        yield attached


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stepcue]:
    """Stepcue with the sample app, both real processes."""
    async with (
        stepcue(tmp_path_factory.mktemp("shop"), "--no-poll") as server,
        sdk_app("app", server.origin, SAMPLE),
    ):
        yield server


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_goes_on_after_the_server_was_restarted(tmp_path: Path, way: str) -> None:
    async with (
        stepcue(tmp_path, "--no-poll") as first,
        sdk_app("app", first.origin, SAMPLE),
        client_of(first.port, way) as client,
    ):
        sent = await call(client, "send_event", name="shop/order.created", data=ORDER, wait=20)
        assert await first.process.terminate() == 0

        if way == "stdio":  # over HTTP what a call says while nothing listens is the client's matter
            gone = await client.call_tool("get_run_status", {"runId": sent["runIds"][0]})
            assert gone.is_error
            assert "Start one with `stepcue dev`" in gone.content[0].text
        again = await Stepcue.start(tmp_path, "--no-poll", port=first.port)
        try:
            status = await call(client, "get_run_status", runId=sent["runIds"][0])
            more = await call(client, "invoke_function", functionId="process-order", data=ORDER)
        finally:
            await again.process.kill()

    assert status["status"] == more["status"] == "COMPLETED"


@pytest.mark.parametrize("way", WAYS)
async def test_a_stop_ends_an_open_wait_and_the_process_cleanly(tmp_path: Path, way: str) -> None:
    async with stepcue(tmp_path, "--no-poll") as server, sdk_app("app", server.origin, SAMPLE):
        sent = await server.call("send_event", name="app/user.signup", data={"userId": "u"})
        async with client_of(server.port, way) as client:
            await client.list_tools()  # else the client asks for them after its call
            user = {"functionId": "shop-onboard-user", "data": {"userId": "v"}}
            waiting = [
                await _waiting(client, "poll_run_status", runIds=sent["runIds"], timeout=50),
                await _waiting(client, "test_function", **user, time="real", timeout=50),
                await _waiting(client, "invoke_function", **user, timeout=50),
            ]
            server.process.child.send_signal(signal.SIGTERM)
            assert await server.process.ended() == 0
            answers = await asyncio.gather(*waiting, return_exceptions=True)

    # Whoever waited has the state so far, not a broken connection.
    assert [answer for answer in answers if isinstance(answer, BaseException) or answer.is_error] == []
    assert answers[0].structured_content["runs"][0]["status"] == "RUNNING"
    assert [answer.structured_content["status"] for answer in answers[1:]] == ["RUNNING", "RUNNING"]
    assert [line for line in server.process.lines if "Traceback" in line or "ERROR" in line] == []


async def _waiting(client: Client, tool: str, **arguments: Any) -> asyncio.Task[Any]:
    """Start a call, and return it once it has reported progress: the server waits."""
    reported = asyncio.Event()

    async def note(*_: object) -> None:
        reported.set()

    task = asyncio.create_task(client.call_tool(tool, arguments, progress_callback=note))
    first = asyncio.create_task(reported.wait())
    await asyncio.wait({task, first}, return_when=asyncio.FIRST_COMPLETED)
    first.cancel()
    assert not task.done(), task.result()
    return task


async def test_ten_clients_at_once_get_their_own_answers(shop: Stepcue) -> None:
    async def work(number: int) -> None:
        async with client_of(shop.port, "auto" if number % 2 else "legacy") as client:
            for turn in range(3):
                order = f"c{number}-{turn}"
                data = {"orderId": order, "items": [{"sku": "x", "price": number, "quantity": turn}]}
                answers = await asyncio.gather(
                    call(client, "send_event", name="shop/order.created", data=data, wait=30),
                    call(client, "invoke_function", functionId="shop-process-order", data=data),
                    call(client, "list_functions", query="order"),
                    call(client, "search_docs", query="retries", limit=2),
                    call(client, "test_function", functionId="shop-process-order", data=data),
                    client.call_tool("get_run_status", {"runId": order}),
                )
                sent, invoked, listed, found, tested, refused = answers
                expected = {"orderId": order, "charged": number * turn, "tracking": f"trk-{order}"}
                assert sent["runs"][0]["output"] == invoked["output"] == tested["output"] == expected
                assert [function["id"] for function in listed["functions"]] == ["shop-process-order"]
                assert found["count"] == 2
                assert refused.is_error
                assert order in refused.content[0].text
                status = await call(client, "get_run_status", runId=sent["runIds"][0])
                assert status["eventData"]["orderId"] == order

    await asyncio.gather(*(work(number) for number in range(10)))


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("goes", ["in its request", "during the wait", "after nonsense"])
async def test_a_client_that_goes_away_harms_nobody(shop: Stepcue, goes: str, version: str) -> None:
    sent = await shop.call("send_event", name="app/user.signup", data={"userId": "gone"})
    arguments = {"runIds": sent["runIds"], "timeout": 50}
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 1,
    }
    params = {"name": "poll_run_status", "arguments": arguments, "_meta": meta}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    body = b"{{{{{" if goes == "after nonsense" else json.dumps(request).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{shop.port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {version}\r\n"
        "Mcp-Method: tools/call\r\nMcp-Name: poll_run_status\r\n"
        f"Content-Length: {len(body) + (100 if goes == 'in its request' else 0)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
    writer.write(head.encode() + body)
    await writer.drain()
    if goes == "during the wait":
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")  # the answer has begun
    writer.close()
    await writer.wait_closed()

    assert (await shop.call("get_run_status", runId=sent["runIds"][0]))["status"] == "RUNNING"
    assert "Traceback" not in "\n".join(shop.process.lines)


async def test_a_payload_of_a_megabyte_passes_and_its_answer_stays_small(shop: Stepcue) -> None:
    sku = "s" * 1_000_000
    data = {"orderId": "big", "items": [{"sku": sku, "price": 1}]}
    async with Client(shop.mcp_url) as client:
        result = await client.call_tool(
            "send_event", {"name": "shop/order.created", "data": data, "wait": 30}
        )
        assert result.structured_content["runs"][0]["status"] == "COMPLETED"
        run_id = result.structured_content["runIds"][0]
        status = await client.call_tool("get_run_status", {"runId": run_id, "detail": "full"})
        assert len(json.dumps(status.structured_content)) < 40_000
        assert "cut at" in status.structured_content["truncated"]
        polled = await client.call_tool("poll_run_status", {"runIds": [run_id]})
        assert polled.structured_content["completed"] == 1


async def test_a_request_over_the_limit_is_refused_and_the_server_goes_on(shop: Stepcue) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            shop.mcp_url,
            content=b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"' + b"x" * 5_000_000 + b'"}}',
            headers={"content-type": "application/json", "accept": "application/json, text/event-stream"},
        )
    assert answer.status_code == 413
    assert (await shop.call("list_functions"))["count"] == 3


@pytest.fixture
async def waiting_lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A function that waits for an event, in an engine whose waiters can be counted."""
    client = new_client()

    @client.create_function(fn_id="wait", trigger=inngest.TriggerEvent(event="t/wait"))
    async def wait(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("go", event="t/go", timeout=timedelta(days=1))

    async with lab(client, [wait], clock=RealClock()) as it:
        yield it


WAITS: dict[str, dict[str, Any]] = {
    "poll_run_status": {},
    "invoke_function": {"functionId": "lab-wait", "timeout": 50},
    "send_event": {"name": "t/wait", "wait": 50},
    "test_function": {"functionId": "lab-wait", "time": "real", "timeout": 50},
    "rerun": {"wait": 50},
}


@pytest.mark.parametrize(
    ("tool", "way"), [*((tool, era) for tool in WAITS for era in ("auto", "legacy")), ("rerun", "stdio")]
)
async def test_giving_up_ends_the_wait_in_the_engine_at_once(
    waiting_lab: Lab, docs: DocsIndex, tool: str, way: str
) -> None:
    engine = waiting_lab.engine
    arguments = dict(WAITS[tool])
    if tool in {"poll_run_status", "rerun"}:
        run_id = await waiting_lab.start("t/wait")
        arguments |= {"runIds": [run_id], "timeout": 50} if tool == "poll_run_status" else {"runId": run_id}
    async with full_server(engine, docs) as url:
        port = int(url.split(":")[2].split("/")[0])
        async with client_of(port, way) as client:
            await client.list_tools()
            waiting = await _waiting(client, tool, **arguments)
            assert len(engine._signals.watched()) == 1

            released = _released(engine._signals)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await asyncio.wait_for(released.wait(), 20)
            assert engine._signals.watched() == []
            assert not engine._signals._rests
        async with client_of(port, "auto") as another:
            assert (await call(another, "list_functions"))["count"] == 1
    assert [task for task in asyncio.all_tasks() if "wait_for_runs" in repr(task)] == []


HANDSHAKE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@pytest.mark.parametrize(
    ("kept", "gives_up"),
    [(True, "by a notification"), (True, "by closing"), (False, "by closing")],
    ids=["by a notification", "by closing its connection", "by closing, without a session"],
)
async def test_giving_up_with_an_older_revision_ends_the_wait_at_once(
    waiting_lab: Lab, docs: DocsIndex, *, kept: bool, gives_up: str
) -> None:
    signals = waiting_lab.engine._signals
    arguments = {"runIds": [await waiting_lab.start("t/wait")], "timeout": 50}
    params = {"name": "poll_run_status", "arguments": arguments, "_meta": {"progressToken": 1}}
    accept = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    async with (
        full_server(waiting_lab.engine, docs) as url,
        httpx.AsyncClient(trust_env=False, headers=accept, timeout=20) as http,
    ):

        def message(method: str, params: dict[str, Any], **id_: int) -> httpx.Request:
            body = {"jsonrpc": "2.0", "method": method, "params": params, **id_}
            return http.build_request("POST", url, json=body)

        if kept:
            opened = await http.send(message("initialize", HANDSHAKE, id=1))
            http.headers["Mcp-Session-Id"] = opened.headers["mcp-session-id"]
            await http.send(message("notifications/initialized", {}))
        answer = await http.send(message("tools/call", params, id=7), stream=True)
        lines = answer.aiter_lines()
        while "notifications/progress" not in await anext(lines):
            pass
        assert len(signals.watched()) == 1

        released = _released(signals)
        if gives_up == "by a notification":
            await http.send(message("notifications/cancelled", {"requestId": 7}))
            rest = [line async for line in lines]  # the connection is open until the server ends the answer
            assert any('"id":7' in line and '"error"' in line for line in rest)
        else:
            await answer.aclose()
        await asyncio.wait_for(released.wait(), 20)
        again = await http.send(message("tools/list", {}, id=7))

    assert (again.status_code, "poll_run_status" in again.text) == (200, True)


async def test_a_stop_during_half_a_request_is_no_error(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll") as server:
        writers = []
        for path in ("/mcp", "/e/key"):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
            await writer.drain()
            writers.append(writer)
        await server.call("list_functions")  # what was sent before has been read
        assert await server.process.terminate() == 0
        for writer in writers:
            writer.close()

    assert [line for line in server.process.lines if "Traceback" in line or "ERROR" in line] == []


def _released(signals: Any) -> asyncio.Event:
    """Return what is set when nobody waits any more: watching tells on its way out."""
    nobody = asyncio.Event()

    class Telling(dict):
        def __delitem__(self, key: str) -> None:
            super().__delitem__(key)
            if not self:
                nobody.set()

    signals._watchers = Telling(signals._watchers)
    return nobody


@pytest.fixture(scope="module")
def docs(index_cache: Path) -> DocsIndex:
    """The pages that are shipped."""
    return DocsIndex.open(cache_dir=index_cache)
