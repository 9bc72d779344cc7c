"""The linter of the Tool Definition Quality Score on what hosts see of the tools."""

from __future__ import annotations

import asyncio
import sys

import pytest
from support.processes import stepcue

pytestmark = pytest.mark.anyio


async def test_the_linter_has_no_complaint_about_any_tool(tmp_path):
    pytest.importorskip("tdqs")
    async with stepcue(tmp_path, "--in-memory") as server:
        linter = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tdqs",
            "lint",
            "--url",
            server.mcp_url,
            "--fail-on",
            "warning",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(linter.communicate(), 60)

    text = said.decode()
    assert linter.returncode == 0, text
    assert "send_event" in text
