"""Faults that a hostile review found, each by the test that failed before it was mended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine_tables import NOW_MS, World, a_function, ref
from scripted_app import SDK, App, engine_for, opcodes, registration, result, settle, sleep, start, step_run
from test_endpoints import DONE, Lab, _lab, _planned, _ran, _sleep

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent, RunStatus, build_app
from durable_engine.errors import InvalidInputError
from durable_engine.ids import new_ulid
from durable_engine.model.op import (
    Gateway,
    Invoke,
    Op,
    RunReturned,
    Sleep,
    StepPlanned,
    StepRan,
    WaitForSignal,
)
from durable_engine.model.reply import Ops
from durable_engine.model.status import StepKind
from durable_engine.sdk.client import SDKClient
from durable_engine.sdk.function_config import read_timeout
from durable_engine.sdk.opcodes import FUNCTION_ID

anyio = pytest.mark.anyio
KEY = "signkey-test-" + "ab" * 32
THROWN = {"op": "StepFailed", "id": FUNCTION_ID, "error": {"name": "E", "message": "no"}}


def _reply(*ops: Op) -> Ops:
    return Ops(ops=ops, sdk_version=2)


def _invoke(function: str) -> Invoke:
    return Invoke(step=ref("a"), function=function, data={}, user={}, timeout=None)


def _signal(name: str) -> WaitForSignal:
    return WaitForSignal(step=ref(name), signal="s", timeout="1h", replaces=True)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with _lab() as it:
        yield it


@asynccontextmanager
async def _typescript(app: App, **config: Any) -> AsyncIterator[Engine]:
    async with await Engine.open(
        EngineConfig(**config), clock=ManualClock(), client=SDKClient(app)
    ) as engine:
        await engine.register_app({**registration("job"), "sdk": "js:v4.24.0"})
        yield engine


# Runs


def test_a_run_whose_deadline_passed_while_nothing_was_running_is_not_started() -> None:
    world = World(a_function(start_timeout_ms=5_000))
    run_id = world.start()
    world.now_ms += 3_600_000
    works = world.take()
    assert [work.call for work in works] == [None, None]
    for work in works:
        world.fire(work)
    assert world.run(run_id).status is RunStatus.CANCELLED
    assert world.finished_events(run_id) == 1


def test_a_timeout_of_zero_is_none() -> None:
    assert read_timeout({"finish": "0s"}, "finish", "lab-job") is None


def test_of_two_waits_for_one_signal_in_a_reply_the_second_may_replace_the_first() -> None:
    world = World()
    run_id = world.start()
    world.answer(world.take_one(), _reply(_signal("a"), _signal("b"), _signal("c")))
    assert world.run(run_id).status is RunStatus.RUNNING
    (pause,) = world.signals_awaited()
    assert pause.step_id == "hash-c"
    world.signal(pause)
    world.advance_to_next()
    for work in world.take():
        world.fire(work)
    steps = world.steps(run_id)
    assert [steps[name].memo for name in "ab"] == ["null", "null"]
    assert '"n":1' in str(steps["c"].memo)


def test_a_run_that_returns_beside_an_invoke_of_nothing_leaves_no_work_behind() -> None:
    world = World()
    run_id = world.start()
    world.answer(world.take_one(), _reply(_invoke("nope"), RunReturned(data=1)))
    assert world.run(run_id).status is RunStatus.COMPLETED
    assert world.orphans() == []


@pytest.mark.parametrize(
    "pair",
    [
        (_invoke("lab-kid"), _invoke("lab-kid")),
        (StepRan(step=ref("a"), data=1), StepPlanned(step=ref("a"))),
        (StepPlanned(step=ref("a")), Sleep(step=ref("a"), until="1h")),
    ],
)
def test_a_step_that_one_reply_names_twice_is_carried_out_once(pair: tuple[Op, Op]) -> None:
    world = World(a_function(), a_function("kid"))
    run_id = world.start()
    world.answer(world.take_one(), _reply(*pair))
    of_step = [item for item in world.queue(run_id) if item.step_id]
    assert len(of_step) == (0 if world.steps(run_id)["a"].status.is_terminal else 1)
    assert world.hung_runs() == []


def test_steps_whose_checkpoint_got_no_answer_may_come_again_with_the_answer() -> None:
    world = World(a_function(retries=0))
    run_id = world.start()
    work = world.take_one()
    reply = _reply(StepRan(step=ref("a"), data=1))
    world.checkpoint(run_id, work.item.ref, reply)
    world.answer(work, reply)
    assert world.run(run_id).status is RunStatus.RUNNING
    again = world.take_one()
    assert again.call is not None
    assert list(again.call.memos) == ["hash-a"]


@pytest.mark.parametrize(
    ("duration_ms", "began_ms"), [(None, NOW_MS + 5_000), (2_000, NOW_MS + 3_000), (9_000, NOW_MS)]
)
def test_a_step_of_a_checkpoint_began_when_its_timing_says_and_at_its_report_without(
    duration_ms: int | None, began_ms: int
) -> None:
    world = World()
    run_id = world.start()
    work = world.take_one()
    world.now_ms += 5_000
    ran = StepRan(step=ref("a"), data=1, duration_ms=duration_ms)
    world.checkpoint(run_id, work.item.ref, _reply(ran))
    step = world.steps(run_id)["a"]
    assert (step.queued_ms, step.started_ms, step.ended_ms) == (began_ms, began_ms, NOW_MS + 5_000)


def test_a_target_that_a_checkpoint_has_ended_does_not_fail_its_run() -> None:
    world = World()
    run_id = world.start()
    fetch = Gateway(step=ref("g"), kind=StepKind.FETCH, request={"url": "http://x/", "auth_key": "sk-secret"})
    world.answer(world.take_one(), _reply(fetch))
    work = world.take_one()
    world.checkpoint(run_id, work.item.ref, _reply(StepRan(step=ref("g"), data=1)))
    world.answer(work, _reply(StepRan(step=ref("g"), data=2, kind=StepKind.FETCH)))
    assert world.run(run_id).status is RunStatus.RUNNING
    step = world.steps(run_id)["g"]
    assert step.memo == '{"data":1}'
    assert step.detail is None  # it held the key
    assert world.take_one().call is not None


@anyio
async def test_a_receipt_does_not_call_cancelled_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable_engine.settle.MAX_STATE_BYTES", 100)

    async def script(_: dict[str, Any]) -> httpx.Response:
        return opcodes({"op": "WaitForEvent", "id": "w", "name": "t/go", "opts": {"timeout": "1h"}})

    async with engine_for(App(script)) as engine:
        run_id = await start(engine)
        await settle(engine)
        receipt = await engine.send_event(NewEvent(name="t/go", data={"x": "y" * 200}))
        assert (await engine.get_run(run_id)).status is RunStatus.FAILED
        assert receipt.cancelled == ()


@anyio
async def test_spans_of_attempts_in_different_calls_have_ids_of_their_own() -> None:
    calls = 0

    async def script(body: dict[str, Any]) -> httpx.Response:
        nonlocal calls
        calls += 1
        if calls % 2:
            return httpx.Response(500, json={"message": "x"}, headers=SDK)
        return result() if "hash-a" in body["steps"] else opcodes(step_run("a"))

    clock = ManualClock()
    async with engine_for(App(script), clock=clock) as engine:
        run_id = await start(engine)
        for _ in range(4):
            await settle(engine)
            await clock.advance(100)
        await settle(engine)
        ids = [span.id for span in (await engine.records.trace(run_id)).children]
        assert len(set(ids)) == len(ids) == 3


@anyio
async def test_keys_in_an_answer_that_cannot_be_read_are_not_quoted() -> None:
    body = (
        b'[{"op":"AIGateway","id":"x","opts":{"auth_key":"sk-1","url":"https://a.b/?key=sk-2","headers":'
        b'{"x-api-key":"sk-3","authorization":"Bearer sk-\\"4"},"body":{"t":NaN}}}]'
    )

    async def script(_: dict[str, Any]) -> httpx.Response:
        return httpx.Response(206, content=body, headers=SDK)

    async with engine_for(App(script), retries=0) as engine:
        run_id = await start(engine)
        await settle(engine)
        error = json.dumps((await engine.get_run(run_id)).error)
        assert "https://a.b/" in error
        assert "sk-" not in error


@anyio
async def test_a_deleted_key_is_overwritten_in_the_data_file(tmp_path: Path) -> None:
    async with await Engine.open(EngineConfig(data_file=tmp_path / "engine.db")) as engine:
        pragma = "PRAGMA secure_delete"
        found = await engine._database.transact(
            lambda tables: tables.runs._connection.execute(pragma).fetchone()
        )
        assert found[0] == 1


# Reruns


@anyio
@pytest.mark.parametrize(
    "op",
    [
        sleep("x", "1s"),
        {"op": "InvokeFunction", "id": "hash-x", "userland": {"id": "x"}, "opts": {"function_id": "nope"}},
        {"op": "Gateway", "id": "hash-x", "userland": {"id": "x"}, "opts": {"url": "file://"}},
    ],
)
async def test_a_step_that_runs_no_code_takes_no_other_arguments(op: dict[str, Any]) -> None:
    async def script(body: dict[str, Any]) -> httpx.Response:
        return result() if "hash-x" in body["steps"] else opcodes(op)

    async with _typescript(App(script)) as engine:
        run_id = await start(engine)
        await settle(engine)
        with pytest.raises(InvalidInputError, match="no arguments"):
            await engine.control.rerun(run_id, from_step="x", given=[1])


@anyio
async def test_given_arguments_reach_a_step_whose_run_has_a_large_state() -> None:
    fetched: list[Any] = []

    async def script(body: dict[str, Any]) -> httpx.Response:
        memos: Any = body["steps"]
        if body["use_api"]:
            state = await engine.records.state(body["ctx"]["run_id"])
            assert state is not None
            memos = state[1]
        if body["ctx"]["step_id"] == "hash-last":
            fetched.append(memos["hash-last"])
        elif len(memos) < 2:
            return opcodes(step_run(f"s{len(memos)}", "x" * 3_000_000))
        return result() if "hash-last" in memos and not fetched else opcodes(step_run("last"))

    async with _typescript(App(script)) as engine:
        run_id = await start(engine)
        await settle(engine)
        await engine.control.rerun(run_id, from_step="last", given=[42])
        await settle(engine)
        assert fetched[0] == '{"input":[42]}'


@anyio
async def test_a_rerun_that_would_begin_over_the_state_limit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("durable_engine.settle.MAX_STATE_BYTES", 100)
    monkeypatch.setattr("durable_engine.repeating.MAX_STATE_BYTES", 100)

    async def script(_: dict[str, Any]) -> httpx.Response:
        return opcodes(sleep("nap", "1h"), step_run("big", "x" * 200))

    async with _typescript(App(script)) as engine:
        run_id = await start(engine)
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.FAILED
        with pytest.raises(InvalidInputError, match="32 MiB"):
            await engine.control.rerun(run_id, from_step="nap")


# Durable endpoints


@anyio
async def test_the_steps_of_an_endpoint_keep_how_long_they_ran(lab: Lab) -> None:
    timing = {"a": 1, "b": 2_000_000_000}
    await lab.begin()
    await lab.clock.advance(5)
    await lab.report({**step_run("a", 1), "timing": timing})
    (step,) = (await lab.run()).steps
    assert (step.started_ms, step.ended_ms) == (lab.clock.now_ms() - 2_000, lab.clock.now_ms())


@anyio
async def test_who_hears_of_a_failed_endpoint_gets_the_event_of_its_failure(lab: Lab) -> None:
    handler = registration("handler")
    handler["functions"][0]["triggers"] = [{"event": "inngest/function.failed"}]
    await lab.engine.register_app(handler)
    lab.answer = lambda _: result()
    await lab.begin(THROWN)
    assert (await lab.run()).status is RunStatus.FAILED
    (body,) = [json.loads(call.content) for call in lab.calls]
    assert body["event"]["name"] == "inngest/function.failed"
    assert body["event"]["id"] == lab.run_id


@anyio
async def test_the_output_route_needs_no_signing_key_but_a_token_that_nobody_can_guess() -> None:
    client = SDKClient(App(), signing_key=KEY)
    async with await Engine.open(EngineConfig(signing_key=KEY), clock=ManualClock(), client=client) as engine:
        transport = httpx.ASGITransport(build_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as api:
            bearer = hashlib.sha256(bytes.fromhex("ab" * 32)).hexdigest()
            run_id = new_ulid(1)
            data = {"domain": "http://127.0.0.1:3000", "method": "GET", "path": "/"}
            begun = await api.post(
                "/v1/checkpoint",
                json={"run_id": run_id, "event": {"data": data}, "steps": [DONE]},
                headers={"authorization": f"Bearer {bearer}"},
            )
            token = begun.json()["data"]["token"]
            output = f"/v1/http/runs/{run_id}/output"
            assert (await api.get(output, params={"token": token})).status_code == 200
            guess = hashlib.sha256(f"output/{run_id}".encode()).hexdigest()[:32]
            assert (await api.get(output, params={"token": guess})).status_code == 401
            assert (await api.get(f"/v1/runs/{run_id}", params={"token": token})).status_code == 401


@anyio
async def test_a_durable_endpoint_cannot_be_invoked_and_the_refusal_says_so(lab: Lab) -> None:
    await lab.begin(DONE)
    (function,) = (await lab.engine.inventory()).functions
    with pytest.raises(InvalidInputError, match="durable endpoint"):
        await lab.engine.invoke_function(function.slug)


@anyio
@pytest.mark.parametrize(
    "more", [{"domain": "http://["}, {"path": "/\ud800"}, {"fn": "\ud800"}, {"method": "\ud800"}]
)
async def test_a_request_that_no_address_can_be_made_of_is_refused(lab: Lab, more: dict[str, str]) -> None:
    data = {"domain": "http://127.0.0.1:3000", "method": "GET", "path": "/", **more}
    body = json.dumps({"run_id": lab.run_id, "event": {"data": data}, "steps": [_planned("x")]})
    assert (await lab.api.post("/v1/checkpoint", content=body)).status_code == 400


@anyio
@pytest.mark.parametrize("step", [_sleep("nap"), DONE])
async def test_a_report_that_hands_the_run_over_may_be_sent_again(lab: Lab, step: dict[str, Any]) -> None:
    await lab.begin(_ran("a"))
    assert [(await lab.report(step)).status_code for _ in range(2)] == [200, 200]
    # A step that just ran would let the app go on beside the engine.
    assert (await lab.report(_ran("a"))).status_code == 409


@anyio
async def test_an_output_with_half_a_character_is_an_answer(lab: Lab) -> None:
    done = {**DONE, "data": {"body": '"\\ud800"'}}
    token = (await lab.begin(done)).json()["data"]["token"]
    answer = await lab.api.get(f"/v1/http/runs/{lab.run_id}/output", params={"token": token})
    assert (answer.status_code, answer.text) == (200, "?")


@anyio
@pytest.mark.parametrize(
    ("response", "status"),
    [
        ({"statusCode": 99_999, "body": "no"}, 200),
        ({"statusCode": 201, "headers": {"Content-Length": "1"}, "body": "made"}, 201),
        ({"statusCode": 201, "headers": {"content-encoding": "gzip"}, "body": "made"}, 201),
        ({"statusCode": 201, "headers": {"x": "€", "a\r\nb": "c"}, "body": "made"}, 201),
        ({"statusCode": 201, "body": "made\ud800"}, 201),
    ],
)
async def test_a_response_is_repeated_as_far_as_http_allows(lab: Lab, response: Any, status: int) -> None:
    token = (await lab.begin(DONE)).json()["data"]["token"]
    text = f"event: inngest.response\ndata: {json.dumps({'response': response})}\n\n"
    await lab.api.post("/v1/realtime/publish/tee", params={"channel": lab.run_id}, content=text)
    answer = await lab.api.get(f"/v1/http/runs/{lab.run_id}/output", params={"token": token})
    assert answer.status_code == status
    assert answer.headers["content-length"] == str(len(answer.content))


@anyio
async def test_a_new_path_of_an_app_does_not_store_all_its_paths_again(lab: Lab) -> None:
    for number in range(3):
        lab.run_id = new_ulid(number)
        await lab.begin(DONE, path=f"/users/{number}")
    (app,) = (await lab.engine.inventory()).apps
    assert app.name == "127.0.0.1:3000"
    known = lab.engine.records.functions()
    assert [function.name for function in known] == [f"GET /users/{number}" for number in range(3)]
    await lab.engine._keeper.load()
    assert lab.engine.records.functions() == known
