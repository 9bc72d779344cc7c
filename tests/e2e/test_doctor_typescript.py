"""The doctor on the real TypeScript SDKs: their versions, and calls of one made on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.node import APPS, node, packages
from support.processes import Process, Stepcue, stepcue

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _app(version: str, script: str, **env: str) -> AsyncIterator[Process]:
    packages(APPS / version)
    settings = {"INNGEST_DEV": "1", "NODE_ENV": "test", "PORT": "0", **env}
    process = await Process.start(script, cwd=APPS / version, env=settings, program=node())
    try:
        yield process
    finally:
        await process.kill()


async def _url(process: Process) -> str:
    return (await process.wait_for_line(r" on (http://\S+)$")).group(1) + "/api/inngest"


async def _checks(server: Stepcue, **arguments: Any) -> dict[str, dict[str, Any]]:
    answer = await server.call("doctor", **arguments)
    return {check["id"]: check for check in answer["checks"]}


@pytest.mark.parametrize("version", ["v3", "v4"])
async def test_an_app_is_known_by_its_version_and_all_its_functions(tmp_path: Path, version: str) -> None:
    async with (
        _app(version, "app.mjs") as app,
        stepcue(tmp_path, "--in-memory", "--no-poll", "-u", await _url(app)) as server,
    ):
        await server.process.wait_for_line("synced app ts")
        answer = await server.call("doctor")

    assert answer["healthy"] is True
    assert f"The TypeScript SDK {version[1]}." in str(answer["checks"])
    assert "app-functions" not in {check["id"] for check in answer["checks"]}


@pytest.mark.parametrize("version", ["v3", "v4"])
async def test_an_app_in_cloud_mode_without_a_key_is_recognised(tmp_path: Path, version: str) -> None:
    async with (
        _app(version, "app.mjs", INNGEST_DEV="0", INNGEST_SIGNING_KEY="") as app,
        stepcue(tmp_path, "--in-memory", "--no-poll") as server,
    ):
        check = (await _checks(server, appUrl=await _url(app)))["app-mode"]

    assert "cloud mode" in check["found"]
    assert "INNGEST_DEV=1" in check["fix"]


async def test_a_call_of_version_3_stops_an_app_on_version_4_and_the_advice_quotes_it(tmp_path: Path) -> None:
    async with _app("v4", "app.mjs") as before:
        url = await _url(before)
        async with stepcue(tmp_path, "--in-memory", "--no-poll", "-u", url) as server:
            await server.process.wait_for_line("synced app ts")
            await before.kill()
            check = (await _checks(server))["app-reachable"]
    async with _app("v4", "call_of_3.mjs") as upgraded:
        assert await upgraded.ended() != 0

    quoted = '"createFunction" expected a handler function as the second argument'
    assert quoted in "\n".join(upgraded.lines)
    assert quoted in check["fix"]
    assert "a call of SDK 3 on SDK 4" in check["fix"]


async def test_an_app_that_has_caught_that_error_serves_no_functions(tmp_path: Path) -> None:
    async with (
        _app("v4", "call_of_3.mjs", CATCHES="1") as app,
        stepcue(tmp_path, "--in-memory", "--no-poll", "-u", await _url(app)) as server,
    ):
        await server.process.wait_for_line("synced app old-call")
        check = (await _checks(server))["v3-call-on-v4"]

    assert "serves no functions" in check["found"]
    assert "triggers: [{ event" in check["fix"]


async def test_a_call_of_version_4_on_version_3_is_named(tmp_path: Path) -> None:
    async with (
        _app("v3", "call_of_4.mjs") as app,
        stepcue(tmp_path, "--in-memory", "--no-poll", "-u", await _url(app)) as server,
    ):
        await server.process.wait_for_line("sync failed")
        checks = await _checks(server)

    assert "is of SDK 4" in checks["v4-call-on-v3"]["found"]
    assert "new-call-order" in checks["function-refused"]["found"]
