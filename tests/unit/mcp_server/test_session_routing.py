"""Sessions of older clients: there when they help, and missed by nobody when they are gone."""

import json
from contextlib import AsyncExitStack

import anyio
import httpx
import pytest
from mcp import Client
from mcp_listening import listening, mounted
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from support.handshake import INITIALIZE

from mcp_server import session_routing
from mcp_server.session_routing import SessionRouting

pytestmark = pytest.mark.anyio
ACCEPT = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
LIST_TOOLS = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


@pytest.fixture
async def http(new_server):
    app = mounted(new_server())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8288") as client:
            client.headers.update(ACCEPT)
            yield client


async def a_session(http):
    opened = await http.post("/mcp", json=INITIALIZE)
    session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
    await http.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session)
    return session


async def test_the_handshake_opens_a_session(http):
    listed = await http.post("/mcp", json=LIST_TOOLS, headers=await a_session(http))

    assert listed.status_code == 200
    assert "mcp-session-id" in listed.headers
    assert "send_event" in listed.text


@pytest.mark.parametrize("session", [{}, {"Mcp-Session-Id": "0" * 32}], ids=["none", "of another process"])
async def test_a_call_needs_no_session_that_is_known_here(http, session):
    listed = await http.post("/mcp", json=LIST_TOOLS, headers=session)

    assert listed.status_code == 200
    assert "mcp-session-id" not in listed.headers
    assert "send_event" in listed.text


async def test_a_session_that_its_client_ended_stays_ended(http):
    session = await a_session(http)

    ended = await http.delete("/mcp", headers=session)
    after = await http.post("/mcp", json=LIST_TOOLS, headers=session)

    assert (ended.status_code, after.status_code) == (200, 404)


async def test_ending_a_session_that_is_unknown_is_not_possible(http):
    ended = await http.delete("/mcp", headers={"Mcp-Session-Id": "0" * 32})

    assert ended.status_code == 405


@pytest.mark.parametrize("content", [b"{", b"[]", b'"initialize"', b'{"method": "initialize"'])
async def test_what_is_no_handshake_is_answered_without_a_session(http, content):
    refused = await http.post("/mcp", content=content, headers={"Content-Type": "application/json"})

    assert refused.status_code == 400
    assert "jsonrpc" in refused.text


async def test_a_long_call_arrives_whole(http, backend):
    arguments = {"name": "shop/order", "data": {"text": "x" * 200_000}}
    call = {**LIST_TOOLS, "method": "tools/call", "params": {"name": "send_event", "arguments": arguments}}

    for session in ({}, {"Mcp-Session-Id": "0" * 32}, await a_session(http)):
        called = await http.post("/mcp", json=call, headers=session)
        assert '"isError":false' in called.text

    assert [event.data["text"] for event, _ in backend.sent] == ["x" * 200_000] * 3


async def test_a_client_goes_on_after_a_restart(new_server):
    with anyio.fail_after(60):
        async with AsyncExitStack() as first:
            url = await first.enter_async_context(listening(new_server()))
            port = int(url.rsplit(":", 1)[1].split("/")[0])
            async with Client(url, mode="legacy") as client:
                before = await client.list_tools()
                await first.aclose()
                async with listening(new_server(), port=port):
                    after = await client.list_tools()
                    assert client.protocol_version == "2025-11-25"

    assert [tool.name for tool in after.tools] == [tool.name for tool in before.tools]


@pytest.mark.parametrize("kept", [True, False], ids=["in a session", "without"])
async def test_a_server_that_stops_ends_the_streams_on_which_clients_listen(new_server, kept, caplog):
    with anyio.fail_after(60):
        async with httpx.AsyncClient(trust_env=False, headers=ACCEPT, timeout=20) as client:
            async with listening(new_server()) as url:
                opened = await client.post(url, json=INITIALIZE)
                session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]} if kept else {}
                stream = await client.send(
                    client.build_request("GET", url, headers={**session, "Accept": "text/event-stream"}),
                    stream=True,
                )
            heard = await stream.aread()

    assert stream.status_code == 200
    assert b"data:" not in heard
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_handshake_that_would_be_costly_to_keep_is_answered_without_a_session(http, pieces):
    content = json.dumps(
        INITIALIZE | {"params": INITIALIZE["params"] | {"_meta": {"x": "y" * 9_000}}}
    ).encode()

    async def sent():
        size = len(content) // pieces + 1
        for begin in range(0, len(content), size):
            yield content[begin : begin + size]

    opened = await http.post("/mcp", content=sent(), headers={"Content-Type": "application/json"})

    assert opened.status_code == 200
    assert '"serverInfo"' in opened.text
    assert "mcp-session-id" not in opened.headers


async def test_sessions_that_find_no_more_room_do_not_fill_the_log(new_server, monkeypatch, caplog):
    monkeypatch.setattr(session_routing, "_MAX_SESSIONS", 1)
    app = mounted(new_server())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8288") as http:
            opened = [await http.post("/mcp", json=INITIALIZE, headers=ACCEPT) for _ in range(3)]

    assert ["mcp-session-id" in answer.headers for answer in opened] == [True, False, False]
    assert ['"serverInfo"' in answer.text for answer in opened] == [True, True, True]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []


async def test_a_client_for_whom_there_is_no_more_room_is_answered_without_a_session():
    async def full(scope, receive, send):
        await PlainTextResponse("Too many", status_code=503)(scope, receive, send)

    async def stateless(scope, receive, send):
        await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)

    transport = httpx.ASGITransport(SessionRouting(full, stateless))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        opened = await client.post("/mcp", json=INITIALIZE)

    assert (opened.status_code, opened.json()) == (200, INITIALIZE)
