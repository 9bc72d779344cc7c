"""MCP over stdio: our own server, and the bridge to one that runs over HTTP."""

import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from mcp import StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_listening import listening
from mcp_scripted import RUN_ID, a_run, connected

from mcp_server.attach import AttachError, build_bridge, connect

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
ATTACH = "import asyncio, sys; from mcp_server.attach import attach; asyncio.run(attach(sys.argv[1]))"
SERVE = """
import asyncio
from mcp_scripted import RUN_ID, ScriptedBackend, a_run
from docs_index import DocsIndex
from mcp_server.server import build_server

class PrintingBackend(ScriptedBackend):
    async def get_run(self, run_id):
        print("a stray print, flushed", flush=True)
        return await super().get_run(run_id)

async def main():
    backend = PrintingBackend()
    backend.runs[RUN_ID] = a_run()
    await build_server(backend, DocsIndex.open()).run_stdio_async()

asyncio.run(main())
"""


@pytest.fixture
def server(new_server):
    return new_server(progress_interval_s=0.001)


def python(code: str, *arguments: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-W", "error", "-c", code, *arguments], env={"PYTHONPATH": str(HERE)}
    )


async def test_the_bridge_passes_tools_results_and_instructions_unchanged(server, backend, era):
    backend.runs[RUN_ID] = a_run(output=None)
    call = ("get_run_status", {"runId": RUN_ID})

    with anyio.fail_after(60):
        async with listening(server) as url, connect(url) as upstream:
            direct_tools = (await upstream.list_tools()).tools
            direct = await upstream.call_tool(*call)
            async with connected(build_bridge(upstream), era) as client:
                tools = (await client.list_tools()).tools
                result = await client.call_tool(*call)
                instructions = client.instructions
                info = client.server_info

    assert tools == direct_tools
    assert result.structured_content == direct.structured_content
    assert result.content == direct.content
    assert instructions == server.instructions
    assert info.name == "stepcue"


async def test_a_refusal_passes_the_bridge(server, era):
    with anyio.fail_after(60):
        async with (
            listening(server) as url,
            connect(url) as upstream,
            connected(build_bridge(upstream), era) as client,
        ):
            result = await client.call_tool("get_run_status", {"runid": "x"})

    assert result.is_error
    assert "Did you mean 'runId'?" in result.content[0].text


async def test_progress_passes_the_bridge(server, backend, era):
    backend.holds_waits = True
    backend.runs[RUN_ID] = a_run()
    seen = []

    async def on_progress(progress, total, message):
        seen.append((progress, message))
        if len(seen) == 2:
            backend.release.set()

    with anyio.fail_after(60):
        async with (
            listening(server) as url,
            connect(url) as upstream,
            connected(build_bridge(upstream), era) as client,
        ):
            result = await client.call_tool(
                "poll_run_status", {"runIds": [RUN_ID]}, progress_callback=on_progress
            )

    assert result.structured_content["completed"] == 1
    assert seen[0][1].startswith("Waiting for 1 run")


async def test_giving_up_passes_the_bridge(server, backend, era):
    backend.holds_waits = True

    with anyio.fail_after(60):
        async with (
            listening(server) as url,
            connect(url) as upstream,
            connected(build_bridge(upstream), era) as client,
        ):
            async with anyio.create_task_group() as calls:
                calls.start_soon(client.call_tool, "poll_run_status", {"runIds": [RUN_ID]})
                await backend.waiting.wait()
                calls.cancel_scope.cancel()
            await backend.wait_was_cancelled.wait()

    assert backend.wait_was_cancelled.is_set()


async def test_a_server_that_stopped_is_an_error_with_advice(server, era):
    with anyio.fail_after(60):
        async with AsyncExitStack() as running:
            url = await running.enter_async_context(listening(server))
            async with connect(url) as upstream:
                await running.aclose()
                async with connected(build_bridge(upstream), era) as client:
                    result = await client.call_tool("get_run_status", {"runId": RUN_ID})
                    with pytest.raises(MCPError, match="stepcue dev"):
                        await client.list_tools()

    assert result.is_error
    assert "stepcue dev" in result.content[0].text


async def test_a_server_that_was_restarted_is_used_again(new_server, backend, era):
    backend.runs[RUN_ID] = a_run()

    with anyio.fail_after(60):
        async with AsyncExitStack() as first:
            url = await first.enter_async_context(listening(new_server()))
            port = int(url.rsplit(":", 1)[1].split("/")[0])
            async with connect(url) as upstream, connected(build_bridge(upstream), era) as client:
                await first.aclose()
                async with listening(new_server(), port=port):
                    result = await client.call_tool("get_run_status", {"runId": RUN_ID})

    assert result.structured_content["status"] == "COMPLETED"


async def test_nothing_at_the_address_is_one_sentence(server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with anyio.fail_after(60), pytest.raises(AttachError, match=r"No Stepcue answers at .* `stepcue dev`"):
        async with connect(f"http://127.0.0.1:{port}/mcp"):
            pass


async def test_attach_speaks_both_eras_over_real_pipes(server, backend, era):
    backend.runs[RUN_ID] = a_run()

    with anyio.fail_after(60):
        async with listening(server) as url, connected(python(ATTACH, url), era) as client:
            result = await client.call_tool("get_run_status", {"runId": RUN_ID})
            instructions = client.instructions

    assert result.structured_content["status"] == "COMPLETED"
    assert instructions == server.instructions


async def test_our_server_speaks_both_eras_over_real_pipes(era):
    with anyio.fail_after(60):
        async with connected(python(SERVE), era) as client:
            result = await client.call_tool("get_run_status", {"runId": RUN_ID})

    assert result.structured_content["status"] == "COMPLETED"
