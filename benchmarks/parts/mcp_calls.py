"""What a tool call costs, next to the engine's own HTTP answer and to an empty tool of a bare MCP server."""

from __future__ import annotations

import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from benchmarks.arena import Arena, started
from benchmarks.report import Row, row
from benchmarks.sizes import Sizes
from benchmarks.usage import Watch
from benchmarks.wire import Connection, ask, json_request, request_bytes

TITLE = "one request after the other over a kept-alive connection, client side left out"
MODERN, WITH_SESSION = "2026-07-28", "2025-11-25"
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_CLIENT = {
    "protocolVersion": WITH_SESSION,
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


@dataclass
class Caller:
    """A connection to one server, with the one request that it makes again and again."""

    connection: Connection
    request: bytes
    watch: Watch
    times: list[float] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        self.times.clear()
        self.watch = Watch(self.watch.pids)

    async def call(self) -> None:
        """Make the request, and note how long it took."""
        with self.watch:
            started_at = time.perf_counter()
            status, body = await self.connection.exchange(self.request)
            self.times.append((time.perf_counter() - started_at) * 1_000)
        assert status == 200, body
        assert b'"isError":true' not in body, body


async def measure(arena: Arena, sizes: Sizes) -> list[Row]:
    """Ask for one run in every way, in turn."""
    run_id = await _a_run(arena)
    pid = arena.own.server_pid
    assert pid is not None
    async with AsyncExitStack() as stack:
        empty = await stack.enter_async_context(started("benchmarks.empty_tool:app"))

        async def caller(origin: str, request: bytes, pid: int) -> Caller:
            connection = await stack.enter_async_context(await Connection.open(origin))
            return Caller(connection, request, Watch({"server": pid}))

        own = arena.own.origin
        run = json_request("GET", f"/v1/runs/{run_id}", host=urlsplit(own).netloc)
        plain = await caller(own, run, pid)
        rows = []
        for era in (MODERN, WITH_SESSION):
            ours = await caller(own, await _tool(own, era, "get_run_status", {"runId": run_id}), pid)
            theirs = await caller(empty.origin, await _tool(empty.origin, era, "nothing", {}), empty.pid)
            for _ in range(sizes.calls):
                for one in (plain, ours, theirs):
                    await one.call()
            rows += [
                _row(f"get_run_status, MCP {era}", ours, plain, "GET /v1/runs/{id}"),
                _row(f"get_run_status, MCP {era}, to an empty tool", ours, theirs, "an empty tool"),
            ]
            plain.forget()
        return rows


async def _a_run(arena: Arena) -> str:
    await arena.own.app.reset()
    done = await arena.own.run("bench/steps-3")
    found = await ask(arena.own.origin, "GET", f"/v1/events/{done.event_id}/runs")
    return str(found["data"][0]["run_id"])


async def _tool(origin: str, era: str, name: str, arguments: dict[str, Any]) -> bytes:
    """Write down a tool call; in the older era in a session that is opened for it."""
    params: dict[str, Any] = {"name": name, "arguments": arguments}
    headers = {"mcp-protocol-version": era}
    if era == MODERN:
        params["_meta"] = _META
        headers |= {"mcp-method": "tools/call", "mcp-name": name}
    else:
        headers["mcp-session-id"] = await _session(origin)
    return _post(origin, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, headers)


async def _session(origin: str) -> str:
    opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _CLIENT}
    async with await Connection.open(origin) as connection:
        status, _ = await connection.exchange(_post(origin, opening, {}))
        assert status == 200
        return connection.headers["mcp-session-id"]


def _post(origin: str, message: dict[str, Any], headers: dict[str, str]) -> bytes:
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        **headers,
    }
    body = json.dumps(message).encode()
    return request_bytes("POST", "/mcp", host=urlsplit(origin).netloc, headers=headers.items(), body=body)


def _row(what: str, one: Caller, other: Caller, against: str) -> Row:
    return row(
        what,
        "stepcue",
        list(zip(one.times, other.times, strict=True)),
        against=against,
        busy=one.watch.busy(len(one.times)),
        base_busy=other.watch.busy(len(other.times)),
    )
