"""The command line as a user meets it: start, stop, and what goes wrong."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from support.processes import REPOSITORY, Process, Stepcue, call, sdk_app, stepcue

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"


async def _refused(folder: Path, *options: str) -> str:
    process = await Process.start("-m", "mcp_server", *options, cwd=folder)
    assert await process.ended() != 0
    return "\n".join(process.lines)


async def test_ctrl_c_ends_it_cleanly_also_while_somebody_waits(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll") as server, sdk_app("app", server.origin, SAMPLE):
        sent = await server.call("send_event", name="app/user.signup", data={"userId": "u"})
        async with Client(server.mcp_url) as client:
            # Else the client lists them once its call is answered, asking a server that is ending.
            await client.list_tools()
            running = asyncio.Event()

            async def note(*_: object) -> None:
                running.set()

            wait = asyncio.create_task(
                client.call_tool(
                    "poll_run_status",
                    {"runIds": sent["runIds"], "timeout": 50},
                    progress_callback=note,
                )
            )
            await running.wait()
            server.process.child.send_signal(signal.SIGINT)
            assert await server.process.ended() == 0
            wait.cancel()
            await asyncio.gather(wait, return_exceptions=True)
        assert not [line for line in server.process.lines if "Traceback" in line]

        again = await Stepcue.start(tmp_path, "--no-poll", port=server.port)
        try:
            status = await again.call("get_run_status", runId=sent["runIds"][0])
        finally:
            await again.process.kill()
    assert status["status"] == "RUNNING"


async def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = await _refused(tmp_path, "dev", "--port", port)

    assert said.count("\n") == 0
    assert f"Port {port} on 127.0.0.1 is in use" in said
    assert "--port" in said


async def test_a_data_file_in_use_is_one_clear_line(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll") as server:
        said = await _refused(tmp_path, "dev", "--port", "0")

    assert said.count("\n") == 0
    holder = f"(process {server.process.child.pid}, {server.origin})"
    assert f"in use by another Stepcue {holder}" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("dev", "-u", "ftp://x/y"), "not an http(s) URL"),
        (("dev", "--port", "99999"), "--port"),
        (("dev", "--host", "203.0.113.7", "--port", "0"), "Cannot listen on 203.0.113.7"),
        (("dev", "--signing-key", "hunter2", "--port", "0", "--in-memory"), "signing key"),
        (("dev", "--max-event-size", "4MB"), "256KB to 3MB are allowed"),
        (("dev", "--prot", "1"), "--port"),
        (("nonsense",), "No such command"),
    ],
)
async def test_bad_options_are_refused_with_a_sentence(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    said = await _refused(tmp_path, *options)

    assert words in said
    assert "Traceback" not in said
    assert "hunter2" not in said


async def test_a_broken_data_file_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "broken.db"
    data.write_bytes(b"this is not a database" * 1_000)
    said = await _refused(tmp_path, "dev", "--port", "0", "--data", str(data))

    assert "is damaged, or no data file" in said
    assert data.read_bytes() == b"this is not a database" * 1_000


async def test_the_data_folder_keeps_itself_out_of_git(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll"):
        assert (tmp_path / ".stepcue" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    async with stepcue(tmp_path / "..", "--no-poll", "--in-memory"):
        assert not (tmp_path.parent / ".stepcue").exists()


async def test_an_app_url_is_synced_at_start_and_noticed_when_it_comes_later(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    async with stepcue(tmp_path, "-u", f"127.0.0.1:{port}", "--poll-interval", "0.2") as server:
        await server.process.wait_for_line("sync failed: Unable to reach")
        listed = await server.call("list_functions")
        assert "Unable to reach" in str(listed)

        app = await Process.start(
            *("-m", "uvicorn", "app:app", "--port", str(port)),
            cwd=SAMPLE,
            env={"INNGEST_DEV": server.origin},
        )
        try:
            await server.process.wait_for_line("synced app shop: 3 functions")
            listed = await server.call("list_functions")
        finally:
            await app.kill()
    assert len(listed["functions"]) == 3


async def test_an_app_in_cloud_mode_works_with_the_same_signing_key(tmp_path: Path) -> None:
    key = "signkey-test-" + "ab" * 32
    async with stepcue(tmp_path, "--no-poll", "--signing-key", key) as server:
        in_cloud_mode = {
            "INNGEST_DEV": "0",
            "INNGEST_SIGNING_KEY": key.replace("test", "prod"),
            "INNGEST_EVENT_KEY": "any",
            "INNGEST_BASE_URL": server.origin,
        }
        async with sdk_app("app", server.origin, SAMPLE, **in_cloud_mode):
            sent = await server.call(
                "send_event",
                name="shop/order.created",
                data={"orderId": "o-1", "items": [{"sku": "mug", "price": 12, "quantity": 2}]},
            )
            ended = await server.call("poll_run_status", runIds=sent["runIds"], timeout=50)
        assert any("the same INNGEST_SIGNING_KEY" in line for line in server.process.lines)
        assert not any(key in line for line in server.process.lines)
    assert [run["status"] for run in ended["runs"]] == ["COMPLETED"]


async def test_stdio_runs_the_engine_itself_when_none_is_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mcp_server", "mcp", "--port", str(port), "--no-discovery", "--no-poll"],
        cwd=tmp_path,
    )
    async with (
        Client(stdio_client(command)) as client,
        sdk_app("app", f"http://127.0.0.1:{port}", SAMPLE),
    ):
        done = await call(client, "invoke_function", functionId="process-order", data={"orderId": "7"})
        assert done["status"] == "COMPLETED"
        # A second assistant finds the first one's engine on the port and attaches to it.
        async with Client(stdio_client(command)) as second:
            status = await call(second, "get_run_status", runId=done["runId"])
        assert status["status"] == "COMPLETED"
