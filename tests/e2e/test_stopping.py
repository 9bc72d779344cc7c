"""SIGTERM and Ctrl-C in the middle of a step: what callers see, and how the next start goes on."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from mcp import Client
from support.handshake import INITIALIZE
from support.processes import CALL_S, START_S, Stepcue, sdk_app, stepcue

pytestmark = pytest.mark.anyio
GRACE: Final = ("--stop-grace", "60")


def _journal(folder: Path) -> Counter[str]:
    return Counter((folder / "journal").read_text(encoding="utf-8").splitlines())


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


async def test_stops_in_the_middle_of_a_step_lose_nothing_and_are_gone_on_from(tmp_path: Path) -> None:
    async with (
        stepcue(tmp_path, "--no-poll", *GRACE) as server,
        sdk_app("support.journal_app", server.origin, tmp_path, JOURNAL=str(tmp_path / "journal")) as origin,
        httpx.AsyncClient(base_url=origin, timeout=CALL_S, trust_env=False) as app,
    ):
        await _bridge_that_ends_on_a_signal(server, tmp_path)
        sent = await server.call("send_event", name="j/journey", data={"name": "ann"})
        (run_id,) = sent["runIds"]
        await app.get("/reached/held")
        server.process.child.send_signal(signal.SIGINT)
        await server.process.wait_for_line("1 open call to an app has 60 s to end; Ctrl-C again")
        server.process.child.send_signal(signal.SIGINT)  # waits for nothing
        assert await server.process.ended() == 0
        assert any("handed back 1 open call" in line for line in server.process.lines)

        second = await Stepcue.start(tmp_path, "--no-poll", *GRACE, port=server.port)
        try:
            await app.get("/reached/held")  # called again at once
            answer = await _stopped_while_a_tool_waits(second, run_id)
            async with httpx.AsyncClient(base_url=second.origin, trust_env=False) as engine:
                sent_late = await engine.post("/e/key", json={"name": "j/nobody", "data": {}})
            assert sent_late.status_code == 200  # what comes during the grace is kept
            await app.post("/open")
            assert await second.process.ended() == 0
        finally:
            await second.process.kill()
        assert (answer["running"], answer["allEnded"]) == (1, False)
        assert "not all ended before Stepcue was stopped" in answer["message"]
        assert "Stepcue is stopping" in answer["next"]
        said = "\n".join(server.process.lines + second.process.lines)
        assert said.count("handed back") == 1
        assert "Traceback" not in said

        third = await Stepcue.start(tmp_path, "--no-poll", port=server.port)
        try:
            await third.until_it_waits(run_id)
            events = await third.call("list_events", name="j/nobody")
        finally:
            await third.process.kill()
    assert len(events["events"]) == 1
    assert _journal(tmp_path) == {"ann first": 1, "ann held": 2, "ann after-nap": 1}


async def _stopped_while_a_tool_waits(server: Stepcue, run_id: str) -> dict[str, Any]:
    """Send SIGTERM while a client waits for a run; return what the client is answered."""
    waits = asyncio.Event()

    async def note(*_: object) -> None:
        waits.set()

    async with Client(server.mcp_url) as client:
        await client.list_tools()
        call = {"runIds": [run_id], "timeout": 50}
        waiting = asyncio.create_task(client.call_tool("poll_run_status", call, progress_callback=note))
        await waits.wait()
        server.process.child.terminate()
        answer = await asyncio.wait_for(waiting, CALL_S)
    return dict(answer.structured_content or {})
