"""SIGTERM and Ctrl-C in the middle of a step: what callers see, and how the next start goes on."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mcp import Client
from support.handshake import INITIALIZE
from support.processes import CALL_S, START_S, Process, Stepcue, sdk_app, stepcue

pytestmark = pytest.mark.anyio


def _journal(folder: Path) -> Counter[str]:
    return Counter((folder / "journal").read_text(encoding="utf-8").splitlines())


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[tuple[Stepcue, httpx.AsyncClient]]:
    """Run Stepcue and the app with the held step; yields the app's own address too."""
    async with (
        stepcue(folder, "--no-poll", "--stop-grace", "60") as server,
        sdk_app("support.journal_app", server.origin, folder, JOURNAL=str(folder / "journal")) as app,
        httpx.AsyncClient(base_url=app, timeout=CALL_S, trust_env=False) as http,
    ):
        yield server, http


async def _bridge_that_ends_on_a_signal(server: Stepcue, folder: Path) -> None:
    """Attach over stdio and signal that process, whose stdin stays open."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "mcp_server", "mcp", "--port", str(server.port)),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        child.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        assert await asyncio.wait_for(child.stdout.readline(), START_S)
        child.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(child.wait(), START_S) == 0
        assert b"Traceback" not in await child.stderr.read()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_a_stop_in_a_step_answers_who_waits_keeps_the_answer_of_the_app_and_is_gone_on_from(
    tmp_path: Path,
) -> None:
    async with _served(tmp_path) as (server, app):
        second = await Process.start("-m", "mcp_server", "dev", "--port", "0", cwd=tmp_path)
        assert await second.ended() == 1
        assert f"(process {server.process.child.pid}, {server.origin})" in second.lines[-1]

        async with Client(server.mcp_url) as client:
            await client.list_tools()
            call = {"functionId": "journey", "data": {"name": "ann"}, "timeout": 50}
            waiting = asyncio.create_task(client.call_tool("invoke_function", call))
            await app.get("/reached/held")
            server.process.child.terminate()
            answer = (await asyncio.wait_for(waiting, CALL_S)).structured_content
        assert answer is not None
        assert answer["status"] == "RUNNING"
        assert "Stepcue is stopping" in answer["next"]
        async with httpx.AsyncClient(base_url=server.origin, trust_env=False) as engine:
            sent = await engine.post("/e/key", json={"name": "j/nobody", "data": {}})
        assert sent.status_code == 200  # what comes during the grace is kept
        await app.post("/open")
        assert await server.process.ended() == 0
        said = "\n".join(server.process.lines)
        assert "1 open call to an app has 60 s to end" in said
        assert "handed back" not in said
        assert "Traceback" not in said

        again = await Stepcue.start(tmp_path, "--no-poll", port=server.port)
        try:
            await again.until_it_waits(answer["runId"])
            events = await again.call("list_events", name="j/nobody")
        finally:
            await again.process.kill()
    assert len(events["events"]) == 1
    assert _journal(tmp_path) == {"ann first": 1, "ann held": 1, "ann after-nap": 1}


async def test_a_second_signal_waits_for_nothing_and_the_next_start_makes_the_call_again(
    tmp_path: Path,
) -> None:
    async with _served(tmp_path) as (server, app):
        await _bridge_that_ends_on_a_signal(server, tmp_path)
        sent = await server.call("send_event", name="j/journey", data={"name": "ann"})
        await app.get("/reached/held")
        server.process.child.send_signal(signal.SIGINT)
        await server.process.wait_for_line("Ctrl-C again stops at once")
        server.process.child.send_signal(signal.SIGINT)
        assert await server.process.ended() == 0
        assert any("handed back 1 open call" in line for line in server.process.lines)

        again = await Stepcue.start(tmp_path, "--no-poll", port=server.port)
        try:
            await app.get("/reached/held")  # made again, at once
            await app.post("/open")
            await again.until_it_waits(sent["runIds"][0])
        finally:
            await again.process.kill()
    assert _journal(tmp_path) == {"ann first": 1, "ann held": 2, "ann after-nap": 1}
