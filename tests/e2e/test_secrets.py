"""Keys, tokens and passwords are in no answer and in no log, of real processes at their most talkative."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from support.processes import REPOSITORY, Process, Stepcue, stepcue
from support.tool_drive import Asked, ask_every_tool

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"
FUNCTION = "shop-process-order"
SIGNING_KEY = "signkey-test-" + "c0ffee11" * 8
FALLBACK_KEY = "signkey-test-" + "facade22" * 8
PLANTED = {
    "signing key": "c0ffee11",
    "fallback key": "facade22",
    "event key": "planted-event-key",
    "token": "planted-stepcue-token",
    "user": "planted-user",
    "password": "planted-password",
    "query token": "planted-query-token",
    "query key": "planted-query-key",
    "bearer of a caller": "planted-bearer",
}


# Runs before the first line of Stepcue; a name that is looked up would leave the machine, too.
LISTENER = """
import sys
def note(event, given):
    if event == "socket.connect" and isinstance(given[1], tuple):
        sys.stderr.write(f"REACHES {given[1][0]}\\n")
    if event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        sys.stderr.write(f"REACHES {given[0] if isinstance(given[0], str) else given[1][0]}\\n")
sys.addaudithook(note)
"""


def _leaks(text: str) -> dict[str, str]:
    """Return which planted secrets are in a text, each with what stands around it."""
    found = {}
    for what, value in PLANTED.items():
        place = text.find(value)
        if place >= 0:
            found[what] = text[max(0, place - 150) : place + 80]
    return found


@asynccontextmanager
async def _app(port: int, engine: str) -> AsyncIterator[None]:
    env = {
        "INNGEST_DEV": "0",
        "INNGEST_BASE_URL": engine,
        "INNGEST_SIGNING_KEY": SIGNING_KEY,
        "INNGEST_SIGNING_KEY_FALLBACK": FALLBACK_KEY,
        "INNGEST_EVENT_KEY": PLANTED["event key"],
    }
    process = await Process.start("-m", "uvicorn", "app:app", "--port", str(port), cwd=SAMPLE, env=env)
    try:
        await process.wait_for_line("running on http")
        yield
    finally:
        await process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


def _secret_url(port: int) -> str:
    user, password = PLANTED["user"], PLANTED["password"]
    query = f"token={PLANTED['query token']}&api_key={PLANTED['query key']}&plain=shown"
    return f"http://{user}:{password}@127.0.0.1:{port}/api/inngest?{query}"


@asynccontextmanager
async def _assistant(server: Stepcue) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {PLANTED['token']}"}
    async with (
        httpx2.AsyncClient(trust_env=False, headers=headers, timeout=60) as http,
        Client(streamable_http_client(server.mcp_url, http_client=http)) as client,
    ):
        yield client


async def test_no_answer_no_log_and_no_stranger_gets_a_secret_while_apps_work_fail_and_are_gone(
    tmp_path: Path,
) -> None:
    port, nowhere = _free_port(), _free_port()
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(LISTENER)
    env = {
        "PYTHONPATH": str(tmp_path / "hook"),
        "INNGEST_SIGNING_KEY": SIGNING_KEY,
        "INNGEST_SIGNING_KEY_FALLBACK": FALLBACK_KEY,
        "INNGEST_EVENT_KEY": PLANTED["event key"],
        "STEPCUE_TOKEN": PLANTED["token"],
    }
    urls = ("-u", _secret_url(port), "-u", _secret_url(nowhere))
    async with (
        stepcue(tmp_path, "-v", "--poll-interval", "0.3", *urls, env=env) as server,
        _assistant(server) as client,
    ):
        async with _app(port, server.origin):
            await server.process.wait_for_line("synced app shop")
            texts = await _answers_of_http(server)
            asked = Asked(client)
            order = {"orderId": "1", "items": [{"sku": "mug", "price": 1, "quantity": 1}]}
            done = await asked.call("send_event", name="shop/order.created", data=order, wait=20)
            failed = await asked.call(
                "send_event", name="billing/import.requested", data={"source": "x.pdf"}, wait=20
            )
            runs = [done["runIds"][0], failed["runIds"][0]]
            await ask_every_tool(asked, run_ids=runs, event_id=done["eventId"], function_id=FUNCTION)
            # An event of the engine's own, and a run that has ended.
            assert asked.refusals.keys() <= {"send_event", "cancel_run"}, asked.refusals
        await server.process.wait_for_line(f"Unable to reach the app at .*:{port}/api/inngest")
        gone = await asked.call("send_event", name="shop/order.created", data=order, wait=2)
        (run_id,) = gone["runIds"]
        await ask_every_tool(
            asked, run_ids=[run_id], event_id=gone["eventId"], function_id=FUNCTION, timeout_s=1
        )
        assert await server.process.terminate() == 0
        logs = "\n".join(server.process.lines)

    assert "DEBUG" in logs or "INFO" in logs
    reached = set(re.findall(r"REACHES (\S+)", logs))
    assert "127.0.0.1" in reached
    assert reached <= {"127.0.0.1", "::1", "localhost"}, "it speaks to apps of this machine, and nobody else"
    assert _leaks("\n".join(asked.texts)) == {}
    assert _leaks("\n".join(texts)) == {}
    assert _leaks(logs) == {}
    # What is no secret is still told.
    assert f"127.0.0.1:{port}/api/inngest" in "".join(asked.texts)


async def _answers_of_http(server: Stepcue) -> list[str]:
    """Ask the other paths, with keys that are wrong or at the wrong place."""
    requests: list[tuple[str, str, Mapping[str, str], Any]] = [
        ("POST", f"/e/{PLANTED['event key']}", {}, {"name": "a/b"}),
        ("POST", f"/e/{PLANTED['event key']}", {}, [{"name": 1}]),
        ("POST", f"/e/{PLANTED['event key']}/more", {}, {}),
        ("GET", "/v2/apps", {}, None),
        ("GET", "/v2/runs", {"Authorization": f"Bearer {PLANTED['bearer of a caller']}"}, None),
        ("POST", "/mcp", {"Authorization": f"Bearer {PLANTED['bearer of a caller']}"}, {}),
        ("POST", "/fn/register", {"Authorization": f"Bearer {PLANTED['bearer of a caller']}"}, {}),
        ("GET", "/dev", {}, None),
    ]
    answers = []
    headers = {"Authorization": f"Bearer {PLANTED['token']}"}
    async with httpx2.AsyncClient(trust_env=False, base_url=server.origin, headers=headers) as http:
        for method, path, more, body in requests:
            answer = await http.request(method, path, headers=dict(more), json=body)
            # A path that the sender wrote may be told to the sender.
            answers.append(f"{json.dumps(dict(answer.headers))}{answer.text.replace(path, '')}")
    return answers
