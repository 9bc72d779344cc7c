"""What `stepcue mcp install` writes is what a client needs: real clients start from the files."""

from __future__ import annotations

import json
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from support.processes import Process, stepcue

pytestmark = pytest.mark.anyio


async def _install(folder: Path, *options: str) -> None:
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": "", "CODEX_HOME": ""}
    process = await Process.start("-m", "mcp_server", "mcp", "install", *options, cwd=folder, env=home)
    assert await process.ended() == 0, process.lines


def _servers(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    config: dict[str, Any] = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    (servers,) = config.values()
    return dict(servers)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_desktop_application_starts_it_from_nowhere_with_no_path(
    tmp_path: Path, free_port: int, era: str
) -> None:
    url = f"http://127.0.0.1:{free_port}/mcp"
    await _install(tmp_path, "--client", "claude-desktop", "--url", url)
    entry = _servers(tmp_path / ".config" / "Claude" / "claude_desktop_config.json")["stepcue"]
    as_started = StdioServerParameters(
        command=entry["command"],
        args=entry["args"],
        cwd="/",
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    async with Client(stdio_client(as_started), mode=era) as client:
        tools = await client.list_tools()

    assert "test_function" in {tool.name for tool in tools.tools}
    assert (tmp_path / ".stepcue" / "engine.db").exists()


async def test_each_entry_over_http_reaches_the_stepcue_that_runs(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll", "--in-memory") as server:
        clients = "claude-code,cursor,vscode,codex,windsurf"
        await _install(tmp_path, "--client", clients, "--url", server.mcp_url)
        files = [
            *(".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json", ".codex/config.toml"),
            ".codeium/windsurf/mcp_config.json",
        ]
        for file in files:
            entry = _servers(tmp_path / file)["stepcue"]
            async with Client(entry.get("url") or entry["serverUrl"]) as client:
                assert (await client.list_tools()).tools, file
