"""TypeScript: what the engine does on an app's behalf: signals, HTTP requests, questions to models."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from support.listening import listening
from support.typescript import Lab

from durable_engine import RunStatus, StepStatus, build_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

NOBODY = "http://127.0.0.1:9"
"""The discard port: connections are refused."""


@dataclass(frozen=True)
class Received:
    """One request as the target saw it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str


@dataclass
class Target:
    """A server that the engine is asked to call; it notes what came."""

    origin: str = ""
    received: list[Received] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """Answer by path: `/status/N` with that status, `/refused/` with 400, `/busy/` with 429 at first."""
        body = (await request.body()).decode()
        path = request.url.path
        seen = Received(request.method, path, request.url.query, dict(request.headers), body)
        self.received.append(seen)
        if path.startswith("/status/"):
            return JSONResponse({"status": path}, status_code=int(path.rpartition("/")[2]))
        if path.startswith("/refused/"):
            return JSONResponse({"error": "no"}, status_code=400)
        if path.startswith("/busy/") and len(self.received) == 1:
            return JSONResponse({"error": "busy"}, status_code=429, headers={"retry-after": "120"})
        if path == "/text":
            return PlainTextResponse("plain ✓", headers={"x-answer": "yes"})
        return JSONResponse({"path": path}, headers={"x-answer": "yes"})


@pytest.fixture(scope="module")
async def serving() -> AsyncIterator[Target]:
    """A target on a port of its own."""
    target = Target()
    routes = [Route("/{path:path}", target.answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
    async with listening(Starlette(routes=routes)) as origin:
        target.origin = origin
        yield target


@pytest.fixture
def target(serving: Target) -> Target:
    """The target, with nothing received yet."""
    serving.received.clear()
    return serving


async def post_signal(lab: Lab, signal: str, data: Any = None) -> httpx.Response:
    transport = httpx.ASGITransport(build_app(lab.engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        return await http.post("/v1/signals", json={"signal": signal, "data": data})


async def test_a_signal_wakes_the_run_that_waits_for_it(ts_lab: Lab) -> None:
    run = await ts_lab.run("wait-for-signal", signal="go")
    assert run.status is RunStatus.RUNNING
    assert [wait.kind for wait in run.waiting_for] == ["signal"]
    assert (await post_signal(ts_lab, "other")).status_code == 404

    answer = await post_signal(ts_lab, "go", {"n": 1})
    assert answer.status_code == 200
    assert answer.json()["data"] == {"run_id": run.id}
    run = await ts_lab.settle(run.id)

    assert run.output == {"signal": "go", "data": {"n": 1}}
    assert (await ts_lab.journal(run.id)).ran == ["after"]
    assert (await post_signal(ts_lab, "go")).status_code == 404


async def test_a_function_can_send_a_signal(ts_lab: Lab) -> None:
    waiting = await ts_lab.run("wait-for-signal", signal="go")
    sender = await ts_lab.run("send-signal", signal="go", data=[1, 2])

    assert sender.status is RunStatus.COMPLETED
    if ts_lab.app.version == "v4":
        assert sender.output["runId"] == waiting.id
    assert (await ts_lab.settle(waiting.id)).output == {"signal": "go", "data": [1, 2]}


async def test_a_signal_that_nobody_waits_for_is_no_error(ts_lab: Lab) -> None:
    run = await ts_lab.finish("send-signal", signal="nobody")
    assert run.status is RunStatus.COMPLETED


async def test_a_signal_that_does_not_come_gives_null(ts_lab: Lab) -> None:
    run = await ts_lab.run("wait-for-signal", signal="go", timeout="1h")
    run = await ts_lab.advance(3_600, run.id)

    assert (run.status, run.output) == (RunStatus.COMPLETED, None)
    assert (await post_signal(ts_lab, "go")).status_code == 404


async def test_a_second_wait_for_a_signal_fails_its_run(ts_lab: Lab) -> None:
    first = await ts_lab.run("wait-for-signal", signal="go")
    second = await ts_lab.run("wait-for-signal", signal="go")
    assert first.status is RunStatus.RUNNING
    assert second.status is RunStatus.FAILED
    assert second.error is not None
    assert second.error["name"] != "UnsupportedStepError"

    await post_signal(ts_lab, "go", 1)
    assert (await ts_lab.settle(first.id)).output == {"signal": "go", "data": 1}


async def test_a_wait_that_replaces_takes_the_signal_and_the_other_times_out(ts_lab: Lab) -> None:
    first = await ts_lab.run("wait-for-signal", signal="go", onConflict="replace")
    second = await ts_lab.run("wait-for-signal", signal="go", onConflict="replace")
    assert (await post_signal(ts_lab, "go", 2)).json()["data"] == {"run_id": second.id}

    assert (await ts_lab.settle(second.id)).output == {"signal": "go", "data": 2}
    run = await ts_lab.settle(first.id)
    assert run.status is RunStatus.RUNNING
    run = await ts_lab.advance(3_600, first.id)
    assert (run.status, run.output) == (RunStatus.COMPLETED, None)


async def test_a_fetch_is_made_once_by_the_engine(ts_lab: Lab, target: Target) -> None:
    url = f"{target.origin}/things?q=1"
    run = await ts_lab.finish("fetch", url=url, method="GET", headers={"x-token": "secret"})

    assert run.status is RunStatus.COMPLETED, run.error
    assert (run.output["status"], run.output["header"]) == (200, "yes")
    assert json.loads(run.output["body"]) == {"path": "/things"}
    (received,) = target.received
    assert (received.method, received.query, received.headers["x-token"]) == ("GET", "q=1", "secret")
    assert (await ts_lab.journal(run.id)).ran == ["after"]


async def test_a_fetch_sends_its_body_as_it_is(ts_lab: Lab, target: Target) -> None:
    run = await ts_lab.finish("fetch", url=f"{target.origin}/text", method="POST", body="hi ✓")

    assert run.output["body"] == "plain ✓"
    (received,) = target.received
    assert (received.method, received.body) == ("POST", "hi ✓")


@pytest.mark.parametrize("status", [404, 500])
async def test_a_fetch_answered_with_an_error_status_is_no_failure(
    ts_lab: Lab, target: Target, status: int
) -> None:
    output = await ts_lab.output("fetch", url=f"{target.origin}/status/{status}")

    assert output["status"] == status
    assert len(target.received) == 1


async def test_the_sdks_own_fetch_is_a_step_too(ts_lab: Lab, target: Target) -> None:
    run = await ts_lab.finish("fetch-shim", url=f"{target.origin}/shim")

    assert run.output == {"path": "/shim"}
    assert len(target.received) == len(run.steps) == 1


async def test_a_fetch_of_a_server_that_is_down_fails_the_step(ts_lab: Lab) -> None:
    run = await ts_lab.finish("fetch-caught", url=NOBODY)

    assert run.status is RunStatus.COMPLETED, run.error
    assert run.output["name"] == "GatewayError"
    assert run.steps[0].status is StepStatus.FAILED


async def test_a_fetch_that_nobody_answers_is_tried_again_as_often_as_the_function_may(ts_lab: Lab) -> None:
    run_id = await ts_lab.start("fetch-patiently", url=NOBODY)
    for backoff_s in (15, 30):
        delay_s, run = await ts_lab.next_due(run_id)
        assert backoff_s <= delay_s <= backoff_s + 30

    assert run.status is RunStatus.FAILED
    assert (run.steps[0].attempts, run.steps[0].status) == (3, StepStatus.FAILED)
    assert (run.steps[0].error or {})["name"] == "GatewayError"
    assert (await ts_lab.journal(run_id)).ran == []


async def test_fetches_can_be_made_in_parallel(ts_lab: Lab, target: Target) -> None:
    urls = [f"{target.origin}/{name}" for name in ("a", "b", "c")]
    assert await ts_lab.output("fetch-both", urls=urls) == [{"path": "/a"}, {"path": "/b"}, {"path": "/c"}]
    assert len(target.received) == 3


@pytest.mark.parametrize(
    ("provider", "path", "header"),
    [
        ("openai", "/v1/chat/completions", ("authorization", "Bearer key")),
        ("anthropic", "/v1/messages", ("x-api-key", "key")),
        ("gemini", "/v1beta/models/m:generateContent", None),
    ],
)
async def test_a_model_is_asked_by_the_engine(
    ts_lab: Lab, target: Target, provider: str, path: str, header: tuple[str, str] | None
) -> None:
    base = {"openai": "/v1/", "anthropic": "/v1/", "gemini": "/v1beta/"}[provider]
    run = await ts_lab.finish(
        "infer", provider=provider, apiKey="key", model="m", baseUrl=f"{target.origin}{base}"
    )

    assert run.status is RunStatus.COMPLETED, run.error
    assert run.output == {"path": path}
    (received,) = target.received
    assert received.method == "POST"
    assert "why?" in received.body
    if header is None:
        assert "key=key" in received.query
    else:
        assert received.headers[header[0]] == header[1]


async def test_a_model_that_refuses_fails_the_step(ts_lab: Lab, target: Target) -> None:
    run = await ts_lab.finish("infer-caught", baseUrl=f"{target.origin}/refused/")

    assert run.status is RunStatus.COMPLETED, run.error
    assert run.output["name"] == "AIGatewayError"


async def test_a_model_that_is_busy_is_asked_again_when_it_says(ts_lab: Lab, target: Target) -> None:
    run_id = await ts_lab.start("infer-patiently", baseUrl=f"{target.origin}/busy/")
    delay_s, run = await ts_lab.next_due(run_id)

    assert delay_s == 120
    assert run.output == {"path": "/busy/chat/completions"}
    assert len(target.received) == run.steps[0].attempts == 2
