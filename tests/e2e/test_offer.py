"""What real processes offer when they are narrowed: over HTTP, over stdio, and attached to one that runs."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from support.processes import call, stepcue

pytestmark = pytest.mark.anyio

TOKEN = "dGhlIHRva2Vu-of.this~test_9"
READING = ["list_functions", "poll_run_status", "get_run_status", "list_runs", "list_events", "doctor"]


def _stdio(folder: Path, port: int, *options: str, **env: str) -> StdioServerParameters:
    arguments = ["-m", "mcp_server", "mcp", "--port", str(port), "--no-discovery", "--in-memory", *options]
    return StdioServerParameters(command=sys.executable, args=arguments, cwd=folder, env=env)


async def _names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


async def test_what_is_offered_is_announced_only_when_something_is_left_out(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--in-memory", "--toolsets", "core", "--read-only") as server:
        async with Client(server.mcp_url) as client:
            assert await _names(client) == READING
        assert any("tools       6 of " in line and "core; read-only" in line for line in server.process.lines)
    async with stepcue(tmp_path, "--in-memory", env={"STEPCUE_TOOLS": "read_doc"}) as server:
        assert any(line.endswith(": read_doc") for line in server.process.lines)
    async with stepcue(tmp_path, "--in-memory") as server:
        assert not any("  tools " in line for line in server.process.lines)


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_stdio_narrows_the_one_it_attaches_to_and_brings_the_token(tmp_path: Path, era: str) -> None:
    async with stepcue(tmp_path, "--in-memory", env={"STEPCUE_TOKEN": TOKEN}) as server:
        narrowed = _stdio(
            tmp_path, server.port, STEPCUE_TOKEN=TOKEN, STEPCUE_READ_ONLY="1", STEPCUE_TOOLSETS="core"
        )
        token_file = tmp_path / "token"
        token_file.write_text(f"{TOKEN}\n", encoding="utf-8")
        whole = _stdio(tmp_path, server.port, "--token-file", str(token_file))
        async with Client(stdio_client(narrowed), mode=era) as client:
            assert await _names(client) == READING
            refused = await client.call_tool("send_event", {"name": "a/b"})
            assert (await call(client, "list_functions"))["functions"] == []
            told = client.instructions
        async with Client(stdio_client(whole), mode=era) as client:
            assert "send_event" in await _names(client)
            assert (await call(client, "send_event", name="a/b"))["runIds"] == []

    assert refused.is_error
    assert "There is no tool 'send_event'" in str(refused.content)
    assert told is not None
    assert "send_event" not in told


async def test_stdio_narrows_its_own_engine_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    async with Client(stdio_client(_stdio(tmp_path, port, "--tools", "list_docs,read_doc"))) as client:
        assert await _names(client) == ["read_doc", "list_docs"]
        refused = await client.call_tool("send_event", {"name": "a/b"})
    assert refused.is_error


async def test_stdio_finds_the_one_that_listens_on_all_addresses(tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0")  # noqa: S104
    async with stepcue(tmp_path, "--in-memory", *options) as server:
        sent = await server.call("send_event", name="a/b")
        async with Client(stdio_client(_stdio(tmp_path, server.port, *options))) as client:
            explained = await call(client, "explain", eventId=sent["eventId"])
    assert explained
