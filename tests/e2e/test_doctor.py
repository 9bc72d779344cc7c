"""The doctor among real processes: apps that mean another engine, that are in cloud mode, and the command."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from support.listening import listening
from support.processes import REPOSITORY, Process, Stepcue, sdk_app, stepcue

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"
KEY = "signkey-test-" + "ab" * 32


@asynccontextmanager
async def _unsynced_app(**env: str) -> AsyncIterator[str]:
    """Run the sample app without syncing it; yields its serve endpoint."""
    process = await Process.start("-m", "uvicorn", "app:app", "--port", "0", cwd=SAMPLE, env=env)
    try:
        yield (await process.wait_for_line(r"running on (http://\S+)")).group(1) + "/api/inngest"
    finally:
        await process.kill()


async def _checks(server: Stepcue, **arguments: Any) -> dict[str, dict[str, Any]]:
    answer = await server.call("doctor", **arguments)
    return {check["id"]: check for check in answer["checks"]}


async def _command(folder: Path, *options: str, **env: str) -> tuple[int, str]:
    """Run `stepcue doctor`; return its exit code and what it wrote."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mcp_server", "doctor", *options),
        cwd=folder,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
    )
    written, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, written.decode()


async def test_an_app_that_means_another_engine_is_told_which(tmp_path: Path) -> None:
    async with (
        _unsynced_app(INNGEST_DEV="http://127.0.0.1:9") as url,
        stepcue(tmp_path, "--in-memory", "--no-poll", "-u", url) as server,
    ):
        await server.process.wait_for_line("sync failed")
        check = (await _checks(server))["app-engine"]

    assert "http://127.0.0.1:9," in check["found"]
    assert f"INNGEST_DEV={server.origin}" in check["fix"]


async def test_two_engines_and_the_app_is_with_the_other_one(tmp_path: Path) -> None:
    async with (
        stepcue(tmp_path, "--in-memory", "--no-poll") as other,
        _unsynced_app(INNGEST_DEV=other.origin) as url,
        stepcue(tmp_path, "--in-memory", "--no-poll", "-u", url) as server,
    ):
        await server.process.wait_for_line("sync failed")
        check = (await _checks(server))["app-engine"]

    assert "another engine" in check["found"]


async def test_an_app_that_has_left_development_mode_is_told_to_return(tmp_path: Path) -> None:
    cloud = {"INNGEST_DEV": "0", "INNGEST_SIGNING_KEY": KEY, "INNGEST_EVENT_KEY": "any"}
    async with (
        _unsynced_app(**cloud) as url,
        stepcue(tmp_path, "--in-memory", "--no-poll", "-u", url) as server,
    ):
        await server.process.wait_for_line("sync failed")
        checks = await _checks(server)

    assert "INNGEST_DEV=1" in checks["app-mode"]["fix"]
    assert checks["app-sync"]["status"] == "skipped"


async def test_the_command_shows_what_the_tool_shows(tmp_path: Path) -> None:
    async with (
        stepcue(tmp_path, "--in-memory", "--no-poll") as server,
        sdk_app("app", server.origin, SAMPLE) as origin,
    ):
        port = str(server.port)
        code, text = await _command(tmp_path, "-p", port, "-u", origin, INNGEST_DEV=server.origin)
        tool = await server.call("doctor", appUrl=f"{origin}/api/inngest")
        worse, written = await _command(
            tmp_path, "-p", port, "-u", "127.0.0.1:9", "-u", f"{origin}/nope", "--json", INNGEST_DEV="1"
        )
    answer = json.loads(written)

    assert code == 0
    assert text.endswith("No problem.\n")
    assert [line.split(": ")[0] for line in text.splitlines()[:-1]] == [
        f"{check['status']:8} {check['id']}" for check in tool["checks"]
    ]
    assert worse == 1
    assert answer["problems"] == 1
    assert answer["warnings"] == 2
    assert answer["checks"][0]["app"] == "http://127.0.0.1:9/api/inngest"
    assert "means port 8288" in answer["checks"][1]["found"]
    assert "Stepcue knows that one" in answer["checks"][2]["fix"]


async def test_the_command_counts_what_the_tool_left_out(tmp_path: Path) -> None:
    dead = [f"http://127.0.0.1:9/{number}/api/inngest" for number in range(12)]
    options = [word for url in dead for word in ("-u", url)]
    async with stepcue(tmp_path, "--in-memory", "--no-poll", *options) as server:
        for url in dead:
            await server.process.wait_for_line(f"sync failed: .*{url}")
        mine = {"INNGEST_DEV": server.origin}
        tool = await server.call("doctor")
        _, text = await _command(tmp_path, "-p", str(server.port), **mine)
        _, written = await _command(tmp_path, "-p", str(server.port), "--json", **mine)
        _, named = await _command(tmp_path, "-p", str(server.port), *options, **mine)
    answer = json.loads(written)
    hidden = tool["problems"] - sum(check["status"] == "problem" for check in tool["checks"])

    assert tool["problems"] == answer["problems"] == 10
    assert hidden > 0
    assert text.splitlines()[-2].startswith(f"Not shown: {hidden} problem")
    assert "Not shown: at least some checks that are fine." in named
    assert "stepcue doctor -u URL" in answer["truncated"]
    assert text.endswith("\n10 problems.\n")
    assert named.endswith("\n12 problems.\n")


async def test_an_engine_on_all_addresses_is_said_to_be_there(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--in-memory", "--no-poll", "--host", "0.0.0.0") as server:  # noqa: S104
        check = (await _checks(server))["engine"]

    assert "listens on all addresses (0.0.0.0), here http://127.0.0.1:" in check["found"]


async def test_the_command_says_who_holds_the_port_and_still_looks_at_apps(tmp_path: Path) -> None:
    async def dev(_: Request) -> JSONResponse:
        return JSONResponse({"version": "1.2.3", "functions": []})

    async with (
        listening(Starlette(routes=[Route("/dev", dev)])) as impostor,
        _unsynced_app(INNGEST_DEV="1") as url,
    ):
        code, text = await _command(tmp_path, "-p", impostor.rpartition(":")[2], "-u", url)
        free, nobody = await _command(tmp_path, "-p", "9", "-u", url)

    assert code == free == 1
    assert "an Inngest Dev Server holds the port" in text
    assert "the port is free" in nobody
    assert "The Python SDK" in text
    assert "The Python SDK" in nobody


async def test_the_command_sees_what_points_elsewhere_and_a_tool_that_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"stepcue": {"url": "http://localhost:9/mcp"}}}')
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "mcp.json").write_text("no JSON")
    async with stepcue(tmp_path, "--in-memory", "--no-poll") as server:
        _, text = await _command(tmp_path, "-p", str(server.port), INNGEST_BASE_URL="http://127.0.0.1:9000")

    assert ".mcp.json names Stepcue at http://localhost:9/mcp" in text
    assert "INNGEST_BASE_URL is http://127.0.0.1:9000 in this shell" in text
