"""Prompts, resources and change notifications on real processes, over HTTP and over stdio."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server.subscriptions import ResourceUpdated
from support.processes import REPOSITORY, call, sdk_app, stepcue

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"
PROJECT = {"userId": "u1", "name": "first"}
PATIENCE_S = 60


@pytest.mark.parametrize("transport", ["http", "stdio-attached"])
async def test_a_person_debugs_a_run_and_is_told_how_it_goes_on_until_the_server_stops(
    tmp_path: Path, transport: str
) -> None:
    async with stepcue(tmp_path, "--no-poll") as server, sdk_app("app", server.origin, SAMPLE):
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "mcp_server", "mcp", "--port", str(server.port)]
        )
        target = server.mcp_url if transport == "http" else stdio_client(command)
        async with asyncio.timeout(PATIENCE_S), Client(target) as client:
            sent = await call(client, "send_event", name="app/user.signup", data={"userId": "u1"}, wait=5)
            run_id = sent["runIds"][0]
            prompt = await client.get_prompt("debug_run", {"runId": run_id})
            listed = [resource.uri for resource in (await client.list_resources()).resources]
            async with client.listen(resource_subscriptions=[f"run://{run_id}"]) as told:
                await call(client, "send_event", name="app/project.created", data=PROJECT)
                changes = [await anext(told)]
                await call(client, "poll_run_status", runIds=[run_id])
                (run,) = (await client.read_resource(f"run://{run_id}")).contents
                server.process.child.terminate()
                changes += [change async for change in told]
        code = await server.process.ended()

    assert f"Run {run_id} of 'shop-onboard-user' is RUNNING" in prompt.messages[0].content.text  # type: ignore[union-attr]
    assert "function://shop-process-order" in listed
    assert set(changes) == {ResourceUpdated(f"run://{run_id}")}
    assert json.loads(run.text)["status"] == "COMPLETED"  # type: ignore[union-attr]
    assert code == 0
    assert not [line for line in server.process.lines if "Traceback" in line or " ERROR " in line]
