"""`stepcue dev --engine` and `stepcue mcp --engine` as processes, on a Stepcue with a signing key."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mcp import Client, StdioServerParameters
from support.processes import REPOSITORY, Process, call, sdk_app, stepcue

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"
KEY = "signkey-test-" + "c0ffee11" * 8
WRONG = "signkey-test-" + "facade22" * 8
EVENT_KEY = "planted-event-key"
PLANTED = ("c0ffee11", "facade22", EVENT_KEY)
ORDER = {"orderId": "7", "items": [{"price": 3}]}


@asynccontextmanager
async def _engine(tmp_path: Path) -> AsyncIterator[str]:
    """Run an engine that asks for the key, with the sample app on it; yields its origin."""
    async with stepcue(tmp_path, "--in-memory", env={"INNGEST_SIGNING_KEY": KEY}) as server:
        keys = {"INNGEST_SIGNING_KEY": KEY, "INNGEST_EVENT_KEY": EVENT_KEY, "INNGEST_BASE_URL": server.origin}
        async with sdk_app("app", "0", SAMPLE, **keys):
            yield server.origin


def _keys(key: str, **more: str) -> dict[str, str]:
    return {"INNGEST_SIGNING_KEY": key, "INNGEST_EVENT_KEY": EVENT_KEY, **more}


async def test_the_tools_work_on_a_server_elsewhere_over_http_and_stdio(tmp_path: Path) -> None:
    folder = tmp_path / "remote"
    folder.mkdir()
    async with _engine(tmp_path) as origin:
        serving = await Process.start(
            *("-m", "mcp_server", "dev", "--port", "0", "--engine", origin, "-v"),
            cwd=folder,
            env=_keys(WRONG, INNGEST_SIGNING_KEY_FALLBACK=KEY),
        )
        ours = (await serving.wait_for_line(r"listens on (http://\S+)")).group(1)
        async with Client(f"{ours}/mcp") as client:
            sent = await call(client, "send_event", name="shop/order.created", data=ORDER, wait=30)
            run_id = sent["runIds"][0]
            refused = await client.call_tool("advance_time", {"by": "1d"})
            found = await call(client, "doctor")
        async with httpx.AsyncClient(base_url=ours, trust_env=False) as http:
            answers = [
                (await http.post("/e/key", json={"name": "a/b"})).status_code,
                (await http.post("/fn/register", json={})).status_code,
                (await http.get("/dev")).status_code,
                (await http.get("/health")).status_code,
            ]
        code = await serving.terminate()

        stdio = StdioServerParameters(
            command=sys.executable,
            args=["-m", "mcp_server", "mcp", "--engine", origin],
            env={**os.environ, **_keys(KEY)},
            cwd=folder,
        )
        async with Client(stdio) as client:
            seen = await call(client, "get_run_status", runId=run_id)
            written = await call(client, "export_test", runId=run_id)
            prompt = (await client.get_prompt("debug_run", {"runId": run_id})).messages[0].content.text

    said = "\n".join(serving.lines)
    assert sent["runs"][0]["status"] == "COMPLETED"
    assert sent["environment"] == f"Stepcue at {origin}"
    assert {check["id"] for check in found["checks"] if check["status"] == "warning"} == {"signing-key"}
    assert "stepcue.test(" in written["code"]
    assert f"Environment: Stepcue at {origin}." in prompt
    assert "embedded engine" in refused.content[0].text
    assert [step["status"] for step in seen["steps"]] == ["COMPLETED"] * 4
    assert seen["output"]["charged"] == 3
    assert answers == [404, 404, 404, 200]
    assert list(folder.iterdir()) == []
    assert code == 0
    assert f"works on    Stepcue at {origin}" in said
    assert not any(secret in f"{said}{sent}{seen}" for secret in PLANTED)


async def test_a_wrong_key_ends_the_start_with_a_sentence_and_nobody_there_does_not(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--in-memory", env={"INNGEST_SIGNING_KEY": KEY}) as server:
        wrong = await Process.start(
            *("-m", "mcp_server", "dev", "--port", "0", "--engine", server.origin),
            cwd=tmp_path,
            env=_keys(WRONG),
        )
        code = await wrong.ended()
    alone = await Process.start(
        *("-m", "mcp_server", "dev", "--port", "0", "--engine", server.origin), cwd=tmp_path, env=_keys(KEY)
    )
    await alone.wait_for_line(f"Nobody answers at {server.origin}")
    ours = (await alone.wait_for_line(r"listens on (http://\S+)")).group(1)
    async with Client(f"{ours}/mcp") as client:
        answer = await client.call_tool("list_functions", {})
    await alone.terminate()

    assert code == 2
    assert any("does not take the signing key" in line for line in wrong.lines)
    assert not any(secret in line for secret in PLANTED for line in [*wrong.lines, *alone.lines])
    assert answer.is_error
    assert "Nobody answers" in answer.content[0].text
