"""How `stepcue mcp` with an engine of its own ends."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mcp import Client
from support.handshake import INITIALIZE
from support.processes import CALL_S, START_S, sdk_app

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Start it, and wait until it has answered over stdio; yields the process and its origin."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "mcp_server", "mcp", "--in-memory", "--no-discovery", "--port", str(port)),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        answer = await asyncio.wait_for(child.stdout.readline(), START_S)
        assert json.loads(answer)["result"]["serverInfo"]["name"] == "stepcue"
        yield child, f"http://127.0.0.1:{port}"
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_a_signal_ends_it_although_stdin_stays_open(tmp_path: Path) -> None:
    async with _serving(tmp_path) as (child, _):
        child.terminate()
        assert child.stderr is not None
        said = (await asyncio.wait_for(child.stderr.read(), START_S)).decode()

        assert await asyncio.wait_for(child.wait(), START_S) == 0
        assert "Traceback" not in said


async def test_when_stdin_closes_other_clients_get_their_answers(tmp_path: Path) -> None:
    async with (
        _serving(tmp_path) as (child, origin),
        sdk_app("support.journal_app", origin, tmp_path, JOURNAL=str(tmp_path / "journal")) as app,
        httpx.AsyncClient(base_url=app, timeout=CALL_S, trust_env=False) as http,
        Client(f"{origin}/mcp") as client,
    ):
        assert child.stdin is not None
        assert child.stderr is not None
        call = {"functionId": "journey", "data": {"name": "ann"}, "timeout": 50}
        waiting = asyncio.create_task(client.call_tool("invoke_function", call))
        await http.get("/reached/held")
        child.stdin.close()
        answer = await asyncio.wait_for(waiting, CALL_S)
        said = (await asyncio.wait_for(child.stderr.read(), START_S)).decode()

        assert answer.structured_content is not None
        assert answer.structured_content["status"] == "RUNNING"
        assert await asyncio.wait_for(child.wait(), START_S) == 0
        assert "Traceback" not in said
