"""TypeScript: keys of requests that the engine makes for an app are in no answer and in no log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from mcp import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from support.listening import listening
from support.shipped_docs import shipped_docs
from support.tool_drive import Asked, ask_every_tool
from support.typescript import Lab, TypeScriptApp, lab

from mcp_server.server import build_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

NOBODY = "http://127.0.0.1:9"
"""The discard port: connections are refused."""


async def _echo(request: Request) -> Response:
    """Answer like a server that tells whoever it refuses what was wrong with the keys."""
    path = request.url.path
    if path.startswith("/elsewhere"):
        return RedirectResponse(f"{NOBODY}/?token=planted-query-token")
    if path == "/refused":  # to a function of the app, which gets the body as it is
        return JSONResponse({"error": "the keys are wrong"}, status_code=401)
    if path.startswith("/refused"):
        seen = {"url": str(request.url), **dict(request.headers)}
        return JSONResponse({"error": f"the keys are wrong: {seen}"}, status_code=401)
    return JSONResponse({"fine": "shown-answer"})


@pytest.fixture(scope="module")
async def target() -> AsyncIterator[str]:
    """A server that the engine is asked to call."""
    routes = [Route("/{path:path}", _echo, methods=["GET", "POST"])]
    async with listening(Starlette(routes=routes)) as origin:
        yield origin


@pytest.fixture
async def secrets_lab(ts_app: TypeScriptApp) -> AsyncIterator[Lab]:
    """An engine with the app whose functions have keys."""
    async with lab(ts_app, "secrets") as opened:
        yield opened


async def test_keys_of_requests_are_in_no_answer_and_no_log(
    secrets_lab: Lab, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    runs = []
    for function, data in _requests(target):
        receipt = await secrets_lab.deliver(f"secrets/{function}", data)
        runs.append((await secrets_lab.settle(receipt.started[0].run_id), receipt.event.id))
    async with Client(build_server(secrets_lab.engine, shipped_docs())) as client:
        asked = Asked(client)
        for run, event_id in runs:
            await _ask_about_run(asked, run.id, event_id)
        await ask_every_tool(
            asked,
            run_ids=[run.id for run, _ in runs],
            event_id=runs[0][1],
            function_id="secrets-fetch-with-keys",
            timeout_s=2,
        )

    answers, logs = "\n".join(asked.texts), "\n".join(_our_logs(caplog))
    assert "planted" not in answers, _around(answers)
    assert "planted" not in logs, _around(logs)
    told = ("shown-header", "shown-body", "shown-answer", "shown-question", "page=1", "the keys are wrong: ")
    for shown in (*told, "[redacted]"):
        assert shown in answers


def _requests(target: str) -> list[tuple[str, dict[str, str]]]:
    """Return functions and their data: servers that take keys, refuse them, send elsewhere, are gone."""
    places = [
        {"origin": origin, "path": path}
        for origin, path in [(target, "/fine"), (target, "/refused"), (target, "/elsewhere"), (NOBODY, "/")]
    ]
    return [
        *(("fetch-with-keys", place) for place in places),
        *(("fetch-with-keys", {**place, "user": "me"}) for place in places),
        *(("infer-with-keys", {**place, "provider": "openai"}) for place in places),
        *(("infer-with-keys", {**place, "provider": "gemini"}) for place in places),
    ]


async def _ask_about_run(asked: Asked, run_id: str, event_id: str) -> None:
    await asked.call("get_run_status", runId=run_id, detail="full")
    await asked.call("poll_run_status", runIds=[run_id], timeout=0)
    await asked.call("explain", runId=run_id)
    await asked.call("explain", eventId=event_id)
    for form in ("pytest", "vitest", "scenario"):
        await asked.call("export_test", runId=run_id, format=form)


def _our_logs(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what we log; the command line silences the libraries, which pytest does not."""
    ours = {"durable_engine", "mcp_server", "docs_index"}
    return [caplog.handler.format(record) for record in caplog.records if record.name.split(".")[0] in ours]


def _around(text: str) -> str:
    place = text.find("planted")
    return text[max(0, place - 300) : place + 100]
