"""Durable endpoints: what the SDK reports of a request it answers, and how the engine goes on with it.

The bodies are those of TypeScript SDK 4 as observed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from scripted_app import SDK, settle
from support.invariants import check_nothing_hangs

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent, RunStatus, build_app
from durable_engine.endpoints import SILENCE_MS
from durable_engine.errors import InvalidInputError
from durable_engine.http_api.token import AccessToken
from durable_engine.ids import new_ulid
from durable_engine.sdk.client import SDKClient
from durable_engine.sdk.opcodes import FUNCTION_ID

pytestmark = pytest.mark.anyio

ORIGIN = "http://127.0.0.1:3000"
RESPONSE = {
    "status": 200,
    "headers": {"content-type": "application/json"},
    "body": '"{\\"ok\\":1}"',
    "version": 2,
}
DONE = {"op": "RunComplete", "id": FUNCTION_ID, "data": RESPONSE}


def _ran(name: str, data: Any = None) -> dict[str, Any]:
    return {"op": "StepRun", "id": f"hash-{name}", "userland": {"id": name}, "data": data}


def _sleep(name: str) -> dict[str, Any]:
    return {"op": "Sleep", "id": f"hash-{name}", "userland": {"id": name}, "name": "1m"}


def _planned(name: str) -> dict[str, Any]:
    return {"op": "StepPlanned", "id": f"hash-{name}", "userland": {"id": name}}


@dataclass
class Lab(httpx.AsyncBaseTransport):
    """The engine's API, and the app's endpoint as the engine calls it."""

    calls: list[httpx.Request] = field(default_factory=list)
    answer: Callable[[httpx.Request], httpx.Response] | None = None
    run_id: str = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.calls.append(request)
        assert self.answer is not None, "the engine calls an endpoint that works by itself"
        return self.answer(request)

    async def begin(self, *steps: dict[str, Any], **more: Any) -> httpx.Response:
        data = {
            "domain": ORIGIN,
            "method": "GET",
            "path": "/pay",
            "query_params": "x=1",
            "body": "",
            "fn": "",
        }
        body = {
            "run_id": self.run_id,
            "event": {"name": "inngest/http.request", "data": {**data, **more}},
            "steps": list(steps),
            "request_version": 2,
            "retries": 1,
        }
        return await self.api.post("/v1/checkpoint", json=body)

    async def report(self, *steps: dict[str, Any]) -> httpx.Response:
        return await self.api.post(f"/v1/checkpoint/{self.run_id}/steps", json={"steps": list(steps)})

    async def run(self) -> Any:
        await settle(self.engine)
        return await self.engine.get_run(self.run_id)

    engine: Engine = field(init=False)
    api: httpx.AsyncClient = field(init=False)
    clock: ManualClock = field(default_factory=ManualClock)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with _lab() as it:
        yield it


@asynccontextmanager
async def _lab(access: AccessToken | None = None, **settings: Any) -> AsyncIterator[Lab]:
    it = Lab()
    it.run_id = new_ulid(it.clock.now_ms())
    async with await Engine.open(EngineConfig(**settings), clock=it.clock, client=SDKClient(it)) as it.engine:
        transport = httpx.ASGITransport(build_app(it.engine, token=access))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as it.api:
            yield it
            await check_nothing_hangs(it.engine)


def _ops(*entries: dict[str, Any]) -> httpx.Response:
    body = entries[0] if len(entries) == 1 and entries[0]["op"] == "RunComplete" else list(entries)
    return httpx.Response(206, json=body, headers=SDK)


async def test_an_endpoint_that_never_waits_is_only_recorded(lab: Lab) -> None:
    begun = await lab.begin(_ran("a", 1))
    assert begun.status_code == 200
    given = begun.json()["data"]
    assert given["run_id"] == lab.run_id
    assert all(given[key] for key in ("fn_id", "app_id", "token", "realtime_token"))
    assert (await lab.report(_ran("b", 2))).status_code == 200
    assert (await lab.run()).status is RunStatus.RUNNING
    await lab.report(DONE)

    run = await lab.run()
    assert (run.status, run.output) == (RunStatus.COMPLETED, RESPONSE)
    assert [(step.name, step.output) for step in run.steps] == [("a", 1), ("b", 2)]
    assert (run.function_slug, run.event.name) == ("127.0.0.1:3000-GET /pay", "inngest/http.request")
    assert lab.calls == []


async def test_a_first_report_that_is_sent_again_begins_no_second_run(lab: Lab) -> None:
    await lab.begin(_ran("a", 1))
    assert (await lab.begin(_ran("a", 1))).status_code == 200
    await lab.report(DONE)
    assert len((await lab.run()).steps) == 1
    assert (await lab.begin(_ran("a", 1))).status_code == 409
    assert (await lab.report(_ran("b"))).status_code == 409


async def test_when_it_has_to_wait_the_engine_makes_its_request_again(lab: Lab) -> None:
    await lab.begin(_ran("a", 1), method="POST", body='{"n":1}', content_type="application/json")
    await lab.report(_sleep("nap"))
    lab.answer = lambda request: _ops(DONE)
    await settle(lab.engine)
    await lab.clock.advance(60)
    assert (await lab.run()).status is RunStatus.COMPLETED

    (call,) = lab.calls
    assert (call.method, str(call.url)) == ("POST", f"{ORIGIN}/pay?x=1")
    assert call.headers["x-run-id"] == lab.run_id
    assert call.headers["x-inngest-signature"] == ""
    assert call.headers["x-inngest-step-id"] == "step"
    assert "x-inngest-force-step-plan" not in call.headers
    assert call.content == b'{"n":1}'
    assert (await lab.api.get(f"/v0/runs/{lab.run_id}/actions")).status_code in {200, 410}


async def test_parallel_steps_get_calls_of_their_own(lab: Lab) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        target = request.headers["x-inngest-step-id"]
        if target == "step":
            return _ops(DONE)
        assert request.headers["x-inngest-force-step-plan"] == "true"
        return _ops(_ran(target.removeprefix("hash-")))

    lab.answer = answer
    await lab.begin(_planned("p"), _planned("q"))
    assert (await lab.run()).status is RunStatus.COMPLETED
    assert [call.headers["x-inngest-step-id"] for call in lab.calls] == ["hash-p", "hash-q", "step"]


async def test_errors_are_retried_by_the_engine_as_often_as_the_endpoint_asks(lab: Lab) -> None:
    error = {
        "op": "StepError",
        "id": "hash-a",
        "userland": {"id": "a"},
        "error": {"name": "E", "message": "no"},
    }
    lab.answer = lambda request: _ops(DONE) if len(lab.calls) > 1 else _ops(error)
    await lab.begin(error)
    await settle(lab.engine)
    await lab.clock.advance(60)
    run = await lab.run()
    assert run.status is RunStatus.COMPLETED
    assert [(step.name, step.attempts, step.status.value) for step in run.steps] == [("a", 2, "FAILED")]


async def test_a_handler_that_throws_is_called_again_and_fails_with_its_error(lab: Lab) -> None:
    await lab.begin({"op": "StepError", "id": FUNCTION_ID, "error": {}})
    lab.answer = lambda request: httpx.Response(500, json={"name": "E", "message": "boom"}, headers=SDK)
    await settle(lab.engine)
    await lab.clock.advance(60)
    run = await lab.run()
    assert (run.status, run.error["message"]) == (RunStatus.FAILED, "boom")
    assert "does not describe" in run.failures[0].error["message"]


async def test_an_app_that_dies_in_the_middle_is_called_again_after_a_long_silence(lab: Lab) -> None:
    await lab.begin(_ran("a", 1))
    await settle(lab.engine)
    await lab.clock.advance(SILENCE_MS / 1_000 - 1)
    await lab.report(_ran("b", 2))
    await settle(lab.engine)
    await lab.clock.advance(SILENCE_MS / 1_000 - 1)
    assert (await lab.run()).status is RunStatus.RUNNING
    assert lab.calls == []
    lab.answer = lambda request: _ops(DONE)
    await lab.clock.advance(1)
    assert (await lab.run()).status is RunStatus.COMPLETED
    assert (await lab.report(_ran("c"))).status_code == 409


async def test_who_was_sent_away_gets_the_response_once_there_is_one(lab: Lab) -> None:
    token = (await lab.begin(_sleep("nap"))).json()["data"]["token"]
    output = f"/v1/http/runs/{lab.run_id}/output"
    waiting = asyncio.create_task(lab.api.get(output, params={"token": token}))
    await settle(lab.engine)
    lab.answer = lambda request: _ops(DONE)
    await lab.clock.advance(60)
    # Nobody saw the response itself: what is known of it is the text that the SDK encoded twice.
    answer = await waiting
    assert (answer.status_code, answer.json()) == (200, {"ok": 1})

    stream = {"response": {"statusCode": 201, "headers": {"x-my": "1"}, "body": "made"}}
    text = f"event: inngest.metadata\ndata: {{}}\n\nevent: inngest.response\ndata: {json.dumps(stream)}\n\n"
    await lab.api.post("/v1/realtime/publish/tee", params={"channel": lab.run_id}, content=text.encode())
    answer = await lab.api.get(output, params={"token": token})
    assert (answer.status_code, answer.text, answer.headers["x-my"]) == (201, "made", "1")
    # The SDK's own proxy unwraps the text by itself.
    as_proxy = {"content-type": "application/json"}
    answer = await lab.api.get(output, params={"token": token}, headers=as_proxy)
    assert answer.json() == '{"ok":1}'


async def test_the_output_of_a_run_that_failed_is_its_error_and_a_wrong_token_is_refused(lab: Lab) -> None:
    failed = {"op": "StepFailed", "id": FUNCTION_ID, "error": {"name": "E", "message": "boom"}}
    token = (await lab.begin(failed)).json()["data"]["token"]
    output = f"/v1/checkpoint/{lab.run_id}/output"
    answer = await lab.api.get(output, params={"token": token})
    assert (answer.status_code, answer.json()["error"]["message"]) == (500, "boom")
    assert (await lab.api.get(output, params={"token": "é"})).status_code == 401
    assert (await lab.api.get(output)).status_code == 401


@pytest.mark.parametrize(
    "body", ["", "[]", "7", "{", '{"steps":7}', '{"steps":[{"op":1}]}', '{"run_id":"x"}']
)
async def test_a_report_that_cannot_be_read_is_refused_with_a_sentence(lab: Lab, body: str) -> None:
    answer = await lab.api.post("/v1/checkpoint", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith((".", "}", "]")) or "JSON" in answer.json()["error"]


@pytest.mark.parametrize("more", [{"domain": ""}, {"domain": "ftp://x"}, {"path": "x"}, {"domain": None}])
async def test_a_request_without_an_address_is_refused(lab: Lab, more: dict[str, Any]) -> None:
    assert (await lab.begin(_ran("a"), **more)).status_code == 400


async def test_an_endpoint_is_listed_and_never_asked_to_sync(lab: Lab) -> None:
    await lab.begin(DONE)
    inventory = await lab.engine.inventory()
    assert [(function.name, function.retries) for function in inventory.functions] == [("GET /pay", 1)]
    assert [(app.name, app.is_reachable) for app in inventory.apps] == [("127.0.0.1:3000", True)]
    await lab.engine._apps.run_once()
    assert lab.calls == []


async def test_another_run_of_the_same_endpoint_is_the_same_function(lab: Lab) -> None:
    await lab.begin(DONE)
    lab.run_id = new_ulid(lab.clock.now_ms())
    await lab.begin(DONE, fn="")
    lab.run_id = new_ulid(lab.clock.now_ms())
    await lab.begin(DONE, path="/other", fn="named")
    names = {function.name for function in (await lab.engine.inventory()).functions}
    assert names == {"GET /pay", "named"}


async def test_a_signal_of_life_for_no_run_is_refused(lab: Lab) -> None:
    assert (await lab.report(_ran("a"))).status_code == 409
    lab.run_id = "no-run"
    assert (await lab.report(_ran("a"))).status_code == 409
    assert (await lab.begin(_ran("a"))).status_code == 400


async def test_only_a_request_to_the_app_starts_an_endpoint(lab: Lab) -> None:
    await lab.begin(DONE)
    with pytest.raises(InvalidInputError, match="a request to the app itself starts it"):
        await lab.engine.invoke_function("GET /pay")


async def test_an_endpoint_cannot_be_paused(lab: Lab) -> None:
    await lab.begin(DONE)
    with pytest.raises(InvalidInputError, match="requests to the app itself start it"):
        await lab.engine.pause_function("GET /pay")


async def test_with_a_signing_key_reports_need_it_and_the_output_needs_its_token_only() -> None:
    key = "signkey-test-12345678"
    async with _lab(signing_key=key) as lab:
        assert (await lab.begin(DONE)).status_code == 401
        lab.api.headers["authorization"] = f"Bearer {key}"
        token = (await lab.begin(DONE)).json()["data"]["token"]
        del lab.api.headers["authorization"]
        output = f"/v1/http/runs/{lab.run_id}/output"
        assert (await lab.api.get(output, params={"token": token})).json() == {"ok": 1}
        assert (await lab.api.get(output)).status_code == 401
        assert (await lab.api.get(f"/v1/runs/{lab.run_id}")).status_code == 401
    async with _lab() as lab:
        assert (await lab.begin(DONE)).json()["data"]["token"] != token


async def test_a_run_that_an_event_pushes_over_a_limit_counts_as_ended_not_as_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("durable_engine.settle.MAX_STATE_BYTES", 200)
    wait = {"op": "WaitForEvent", "id": "w", "name": "t/go", "opts": {"timeout": "1h"}}
    async with _lab() as lab:
        await lab.begin(wait)
        receipt = await lab.engine.send_event(NewEvent(name="t/go", data={"text": "x" * 200}))
        assert (receipt.resumed, receipt.cancelled) == ((lab.run_id,), ())
        assert (await lab.run()).error["name"] == "InngestErrStateOverflowed"


async def test_after_a_restore_the_engine_calls_and_what_the_first_request_reports_is_refused(
    lab: Lab,
) -> None:
    await lab.begin(_ran("a", 1))
    await lab.engine.snapshots.take("one")
    await lab.report(_ran("b", 2))
    lab.answer = lambda _: _ops(DONE)
    await lab.engine.snapshots.restore("one")

    run = await lab.run()
    assert (run.status, run.output) == (RunStatus.COMPLETED, RESPONSE)
    assert [step.name for step in run.steps] == ["a"]
    assert len(lab.calls) == 1
    assert (await lab.report(_ran("c", 3))).status_code == 409


async def test_with_an_access_token_nobody_else_can_make_the_token_of_an_output() -> None:
    for access in (None, AccessToken(SecretStr("a" * 16))):
        async with _lab(access) as lab:
            token = (await lab.begin(DONE)).json()["data"]["token"]
            guessed = hmac.new(b"", f"output/{lab.run_id}".encode(), hashlib.sha256).hexdigest()[:32]
            output = f"/v1/http/runs/{lab.run_id}/output"
            right = await lab.api.get(output, params={"token": token})
            wrong = await lab.api.get(output, params={"token": guessed})

        assert right.status_code == 200
        assert wrong.status_code == (200 if access is None else 401)
