"""Runs of TypeScript apps become vitest files, executed here on Node.js with a stand-in for vitest alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from support.node import node, node_app, register
from support.processes import Stepcue, call, stepcue
from support.typescript import VERSIONS
from support.typescript_shop import lay_out

pytestmark = pytest.mark.anyio
DATA = {"id": "o-1 */ ` ${x} \u2028", "n": 4, "__proto__": {"polluted": True}}
MAIL = {"stepId": "mail", "result": {"sent": True}}


@asynccontextmanager
async def _serving(folder: Path, version: str, server: Stepcue) -> AsyncIterator[None]:
    async with node_app(folder, server.origin, SDK=version) as origin:
        await register(f"{origin}/api/inngest")
        yield


async def _run_file(folder: Path, name: str, origin: str, **env: str) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        node(),
        name,
        cwd=folder,
        env={**os.environ, "STEPCUE_URL": origin, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    written, _ = await asyncio.wait_for(child.communicate(), 60)
    return child.returncode or 0, written.decode()


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_exported_vitest_file_passes_and_finds_planted_bugs(tmp_path: Path, version: str) -> None:
    node()
    lay_out(tmp_path, version)
    async with stepcue(tmp_path, "--in-memory") as server:
        async with _serving(tmp_path, version, server):
            tested = await server.call(
                "test_function",
                event="shop/order",
                data=DATA,
                mocks=[MAIL],
                events=[
                    {"name": "shop/shipped", "data": {"by": "post"}},
                    {"signal": "approve-4", "data": {"by": "Eve"}},
                ],
            )
            assert tested["status"] == "COMPLETED", tested
            run_id = tested["runId"]
            answer = await server.call("export_test", runId=run_id, format="vitest", path="fulfil.test.mjs")
            await server.call("export_test", runId=run_id, format="vitest", path="all.test.mjs", mock="all")
            assert "npx vitest run" in answer["next"]
            assert tested["output"]["approved"] == {"by": "Eve"}
            text = (tmp_path / "fulfil.test.mjs").read_text(encoding="utf-8")
            for file in ("fulfil.test.mjs", "fulfil.test.mjs", "all.test.mjs"):
                code, said = await _run_file(tmp_path, file, server.origin)
                assert (code, said) == (0, "ok tsshop-fulfil completed\n"), f"{text}\n{said}"
        assert 'id: {"$any": "uuid"}' in text

        source = (tmp_path / "app.mjs").read_text(encoding="utf-8")
        for old, new, words in (
            ("n * 3", "n * 4", "step 'charge' output is not as expected: $.amount is 16, not 12"),
            ('"charge", ()', '"pay", ()', "ran 'charge': never happened"),
            ("({ amount:", "(null.x, { amount:", "charge: FAILED after 2 attempts, TypeError"),
        ):
            assert source.count(old) == 1
            (tmp_path / "app.mjs").write_text(source.replace(old, new), encoding="utf-8")
            async with _serving(tmp_path, version, server):
                code, said = await _run_file(tmp_path, "fulfil.test.mjs", server.origin)
                assert code == 1, said
                assert words in said, said
        code, said = await _run_file(tmp_path, "fulfil.test.mjs", "http://127.0.0.1:9")
        assert code == 1


async def test_an_exported_vitest_file_brings_the_token(tmp_path: Path) -> None:
    node()
    lay_out(tmp_path, "v4")
    token = "planted-token-0123456789"
    async with (
        stepcue(tmp_path, "--in-memory", env={"STEPCUE_TOKEN": token}) as server,
        _serving(tmp_path, "v4", server),
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60) as http,
        Client(streamable_http_client(server.mcp_url, http_client=http)) as client,
    ):
        shipped = [{"name": "shop/shipped", "data": {}}, {"signal": "approve-4"}]
        tested = await call(
            client, "test_function", event="shop/order", data=DATA, mocks=[MAIL], events=shipped
        )
        await call(client, "export_test", runId=tested["runId"], format="vitest", path="fulfil.test.mjs")
        code, said = await _run_file(tmp_path, "fulfil.test.mjs", server.origin, STEPCUE_TOKEN=token)
        assert (code, said) == (0, "ok tsshop-fulfil completed\n"), said
        code, said = await _run_file(tmp_path, "fulfil.test.mjs", server.origin)
        assert code == 1
        assert "started with a token" in said
