"""REST API v1: signals, checkpoints and cancellations."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from rest_api import NOBODY, Rest, one_step_then_a_day, rest
from scripted_app import App, opcodes, result, settle, start, step_run

from durable_engine import RunStatus
from durable_engine.ids import uuid_for

pytestmark = pytest.mark.anyio


async def _wait_for_signal(body: dict[str, Any]) -> httpx.Response:
    if "hash-wait" in body["steps"]:
        return result(body["steps"]["hash-wait"])
    return opcodes(
        {
            "op": "WaitForSignal",
            "id": "hash-wait",
            "userland": {"id": "wait"},
            "name": "go",
            "opts": {"signal": "go", "timeout": "1d"},
        }
    )


async def test_a_signal_wakes_the_run_that_waits_for_it_once() -> None:
    async with rest(App(_wait_for_signal)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        body = await it.post("/v1/signals", {"signal": "go", "data": {"n": 1}})
        assert body == {"data": {"run_id": run_id}, "metadata": {"fetched_at": "2027-01-15T08:00:00.000Z"}}
        await settle(it.engine)
        assert (await it.engine.get_run(run_id)).status is RunStatus.COMPLETED

        again = await it.api.post("/v1/signals", json={"signal": "go"})
        assert again.status_code == 404
        assert again.json() == {"error": "No signal found", "data": None, "status": 404}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{}", "`signal` is missing"),
        (b'{"signal":""}', "`signal` is missing"),
        (b'{"signal":7}', "`signal` must be text"),
        (b'{"signal":"\\ud800"}', "`signal` must be text"),
        (b"[]", "must be a JSON object"),
        (b"{", "not valid JSON"),
    ],
)
async def test_a_signal_without_a_name_is_refused(content: bytes, says: str) -> None:
    async with rest() as it:
        response = await it.api.post("/v1/signals", content=content)
        assert response.status_code == 400
        assert says in response.json()["error"]
        assert response.json()["data"] is None


async def _held_call(it: Rest) -> tuple[str, str]:
    """Start a run and hold its first call open; return the run's id and the call's `qi_id`."""
    it.app.gate.clear()
    run_id = await start(it.engine)
    await it.app.called(1)
    return run_id, it.app.bodies[0]["ctx"]["qi_id"]


async def test_steps_reported_during_a_call_are_kept_before_it_ends() -> None:
    async with rest() as it:
        run_id, qi_id = await _held_call(it)
        planned = {"op": "StepPlanned", "id": "hash-later", "name": "later"}
        deferred = {"op": "DeferAdd", "id": "d", "name": "d"}
        steps = [step_run("a", 1), planned, deferred, {**step_run("b", 2), "op": "step"}]
        response = await it.api.post(
            f"/v1/checkpoint/{run_id}/async",
            json={"run_id": run_id, "fn_id": "x", "qi_id": qi_id, "steps": steps, "ts": 1},
        )
        assert response.status_code == 200
        assert response.content == b""
        run = await it.engine.get_run(run_id)
        assert [(step.name, step.output) for step in run.steps] == [("a", 1), ("b", 2)]
        it.app.gate.set()
        await settle(it.engine)
        assert (await it.engine.get_run(run_id)).status is RunStatus.COMPLETED


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (None, "`steps` must be a list"),
        ({}, "`steps` must be a list"),
        ([7], "expected an opcode object"),
        ([[step_run("a")]], "expected an opcode object"),
        ([{"id": "a"}], "no `op`"),
        ([{"op": "Sleep", "id": "a", "name": "1s"}], "not 'Sleep'"),
        ([{"op": "StepError", "id": "a", "error": {"message": "no"}}], "not 'StepError'"),
        ([{"op": "RunComplete", "id": "a"}], "not 'RunComplete'"),
        ([{"op": "Odd", "id": "a"}], "not 'Odd'"),
    ],
)
async def test_a_checkpoint_of_anything_but_steps_is_refused_and_keeps_nothing(steps: Any, says: str) -> None:
    async with rest() as it:
        run_id, qi_id = await _held_call(it)
        response = await it.api.post(f"/v1/checkpoint/{run_id}/async", json={"qi_id": qi_id, "steps": steps})
        assert response.status_code == 400
        assert says in response.json()["error"]
        assert (await it.engine.get_run(run_id)).steps == ()
        it.app.gate.set()


async def test_a_checkpoint_of_a_call_that_does_not_count_any_more_is_a_conflict() -> None:
    async with rest() as it:
        run_id, qi_id = await _held_call(it)
        for target, item in ((run_id, "1"), (run_id, "9" * 400 + ".1"), (run_id, "x.y"), (NOBODY, qi_id)):
            stale = await it.api.post(
                f"/v1/checkpoint/{target}/async", json={"qi_id": item, "steps": [step_run("a")]}
            )
            assert stale.status_code == 409
            assert stale.json()["status"] == 409
        await it.api.delete(f"/v1/runs/{run_id}")
        late = await it.api.post(f"/v1/checkpoint/{run_id}/async", json={"qi_id": qi_id, "steps": []})
        assert late.status_code == 409
        it.app.gate.set()


async def test_a_checkpoint_needs_the_name_of_its_call() -> None:
    async with rest() as it:
        response = await it.api.post(f"/v1/checkpoint/{NOBODY}/async", json={"steps": []})
        assert response.status_code == 400
        assert "`qi_id` is missing" in response.json()["error"]


async def test_a_run_is_cancelled_once() -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        response = await it.api.delete(f"/v1/runs/{run_id}")
        assert (response.status_code, response.content) == (200, b"")
        run = (await it.get(f"/v1/runs/{run_id}"))["data"]
        assert (run["status"], run["output"]) == ("Cancelled", {})

        again = await it.api.delete(f"/v1/runs/{run_id}")
        assert again.status_code == 409
        assert "has ended before" in again.json()["error"]
        assert (await it.api.delete(f"/v1/runs/{NOBODY}")).status_code == 404
        assert (await it.api.delete("/v1/runs/x")).status_code == 400


BEFORE = "2027-01-15T08:00:03.000Z"


@pytest.mark.parametrize("app_id", ["lab", uuid_for("app", "lab")])
@pytest.mark.parametrize("function_id", ["job", "lab-job", uuid_for("function", "lab-job")])
async def test_runs_are_cancelled_in_bulk_by_time_and_expression(app_id: str, function_id: str) -> None:
    async with rest(App(one_step_then_a_day), "job", "other") as it:
        runs = []
        for number in range(4):
            runs.append(await start(it.engine, number=number))
            await start(it.engine, "t/other", number=number)
            await settle(it.engine)
            await it.clock.advance(1)
        body = {
            "app_id": app_id,
            "function_id": function_id,
            "started_after": "2027-01-15T08:00:00.000Z",
            "started_before": BEFORE,
            "if": "event.data.number != 1",
        }
        answer = await it.post("/v1/cancellations", body)
        assert {key: answer[key] for key in body} == body
        assert answer["cancelled_count"] == 1
        assert answer["run_ids"] == [runs[2]]
        assert answer["data"]["id"] == answer["id"]
        statuses = [(await it.engine.get_run(run_id)).status for run_id in runs]
        assert statuses == [RunStatus.RUNNING, RunStatus.RUNNING, RunStatus.CANCELLED, RunStatus.RUNNING]

        rest_of_them = await it.post(
            "/v1/cancellations", {"app_id": app_id, "function_id": function_id, "started_before": BEFORE}
        )
        assert rest_of_them["cancelled_count"] == 2
        listed = (await it.get("/v1/cancellations"))["data"]
        assert [entry["id"] for entry in listed] == [rest_of_them["id"], answer["id"]]

        done = await it.api.delete(f"/v1/cancellations/{answer['id']}")
        assert done.status_code == 409
        assert "has been carried out: 1 runs" in done.json()["error"]


async def test_only_the_last_cancellations_are_remembered() -> None:
    async with rest() as it:
        await it.clock.advance(10)
        body = {"app_id": "lab", "function_id": "job", "started_before": BEFORE}
        first = await it.post("/v1/cancellations", body)
        for _ in range(50):
            await it.post("/v1/cancellations", body)
        assert len((await it.get("/v1/cancellations"))["data"]) == 50
        assert (await it.api.delete(f"/v1/cancellations/{first['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"app_id": None}, 400, "`app_id` is missing"),
        ({"function_id": ""}, 400, "`function_id` is missing"),
        ({"started_before": None}, 400, "`started_before` is missing"),
        ({"started_before": "2027-01-15T08:00:11Z"}, 400, "must be in the past"),
        ({"started_before": "soon"}, 400, "`started_before` must be an RFC 3339 date"),
        ({"started_before": 7}, 400, "`started_before` must be an RFC 3339 date"),
        ({"started_after": BEFORE}, 400, "`started_after` must be before"),
        ({"if": 7}, 400, "`if` must be an expression"),
        ({"if": "event.data ="}, 400, ""),
        ({"if": "async.data.a == 1"}, 400, "async"),
        ({"app_id": "lub"}, 404, "No app named 'lub'"),
        ({"function_id": "jib"}, 404, "No function 'jib'"),
    ],
)
async def test_a_cancellation_that_makes_no_sense_is_refused(
    change: dict[str, Any], status: int, says: str
) -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        await it.clock.advance(10)
        body = {"app_id": "lab", "function_id": "job", "started_before": BEFORE, **change}
        response = await it.api.post("/v1/cancellations", json=body)
        assert response.status_code == status
        assert says in response.json()["error"]
        assert response.json()["data"] is None
        assert (await it.engine.get_run(run_id)).status is RunStatus.RUNNING
        assert (await it.get("/v1/cancellations"))["data"] == []
