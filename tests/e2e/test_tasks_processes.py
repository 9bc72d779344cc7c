"""Tasks of real processes: over stdio, and over HTTP from a server that is killed with -9."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from mcp import MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import INVALID_PARAMS
from support.processes import Stepcue, sdk_app, stepcue
from support.task_client import about, begin, get, task_client

pytestmark = pytest.mark.anyio


async def _statuses(server: Stepcue, task_ids: list[str]) -> list[str]:
    async with task_client(server.mcp_url) as client:
        return [(await get(client, task_id))["status"] for task_id in task_ids]


async def test_tasks_outlive_the_server_and_end_with_their_answers(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll") as first:
        journal = str(tmp_path / "journal")
        async with (
            sdk_app("support.journal_app", first.origin, tmp_path, JOURNAL=journal) as app,
            httpx.AsyncClient(base_url=app, timeout=60, trust_env=False) as http,
        ):
            async with task_client(first.mcp_url) as client:
                invoked = await begin(client, "invoke_function", functionId="journey", data={"name": "ann"})
                run_id = invoked["taskId"]
                waits = await asyncio.gather(
                    *(begin(client, "poll_run_status", runIds=[run_id], timeout=30) for _ in range(2))
                )
                await about(client, "tasks/cancel", waits[1]["taskId"])
            await http.get("/reached/held")  # the step is being run now
            task_ids = [run_id, *(wait["taskId"] for wait in waits)]

            server = await first.restart(tmp_path, "--no-poll")
            try:
                assert await _statuses(server, task_ids) == ["working", "working", "cancelled"]
                await http.post("/open")
                await http.get("/reached/wait")
                await server.until_it_waits(run_id)
                async with task_client(server.mcp_url) as client:
                    message = (await get(client, run_id))["statusMessage"]
                await server.call("send_event", name="j/go", data={"name": "ann"})
                await server.call("poll_run_status", runIds=[run_id], timeout=30)

                server = await server.restart(tmp_path, "--no-poll")
                assert await _statuses(server, task_ids) == ["completed", "completed", "cancelled"]
                async with task_client(server.mcp_url) as client:
                    done = await get(client, run_id)
            finally:
                await server.process.kill()

    assert f"Run {run_id} of 'journal-journey' is RUNNING" in message
    assert "waits for an event 'j/go' (step 'wait-for-go')" in message
    assert done["createdAt"] == invoked["createdAt"]
    assert done["result"]["structuredContent"]["output"] == ["first", "last", True]


async def test_tasks_are_there_over_stdio_too(tmp_path: Path) -> None:
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mcp_server", "mcp", "--in-memory", "--no-discovery", "--port", "0"],
        cwd=tmp_path,
    )
    async with task_client(stdio_client(command)) as client:
        with pytest.raises(MCPError, match="There is no task 'nope'") as caught:
            await get(client, "nope")

    assert caught.value.code == INVALID_PARAMS
