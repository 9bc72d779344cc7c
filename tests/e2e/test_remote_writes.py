"""`stepcue mcp --engine` as a process on a server that does not say that it is for development."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import inngest
import pytest
from mcp import Client, StdioServerParameters
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from support.processes import call
from support.sdk_app import lab, new_client
from support.serving import served

from durable_engine import RealClock, build_app

pytestmark = pytest.mark.anyio


def _without_page(app: ASGIApp) -> ASGIApp:
    """Leave out the page by which a server says that it is for development."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        hidden = PlainTextResponse("404 page not found", 404)
        await (hidden if scope.get("path") == "/dev" else app)(scope, receive, send)

    return answer


async def test_a_production_server_is_changed_once_somebody_says_so(tmp_path: Path) -> None:
    client = new_client()

    @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="t/paid"), retries=0)
    async def pay(ctx: inngest.Context) -> Any:
        return await ctx.step.run("add", lambda: ctx.event.data["n"] + 1)

    async with (
        lab(client, [pay], clock=RealClock()) as it,
        served(_without_page(build_app(it.engine))) as origin,
    ):
        arguments = ["-m", "mcp_server", "mcp", "--engine", origin, "--allow-writes"]
        stdio = StdioServerParameters(
            command=sys.executable, args=arguments, env=dict(os.environ), cwd=tmp_path
        )
        async with Client(stdio) as tools:
            names = {tool.name for tool in (await tools.list_tools()).tools}
            done = await call(tools, "invoke_function", functionId="pay", data={"n": 1})
            again = await call(tools, "rerun", runId=done["runId"], fromStep="add")
            late = await tools.call_tool("cancel_run", {"runId": again["runId"]})
            paused = await tools.call_tool("pause_function", {"functionId": "pay"})

    assert {"send_event", "invoke_function", "cancel_run", "rerun"} <= names
    assert "pause_function" not in names
    assert (done["status"], done["output"]) == ("COMPLETED", 2)
    assert again["run"]["output"] == 2
    assert done["environment"] == again["environment"] == f"self-hosted Inngest at {origin}"
    assert "it has ended and is COMPLETED" in late.content[0].text
    assert "in its dashboard only" in paused.content[0].text
