"""REST API v2: runs, their traces, and what may be done to them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from rest_api import NOBODY, Rest, fails, one_step_then_a_day, rest
from scripted_app import App, opcodes, registration, result, settle, start, step_run

from durable_engine import NewEvent, RunStatus

pytestmark = pytest.mark.anyio


def _ids(body: dict[str, Any]) -> list[str]:
    return [run["id"] for run in body.get("data", [])]


async def _pages(it: Rest, **query: Any) -> list[str]:
    """Return the ids of all pages, two runs on each."""
    ids: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        body = await it.get("/v2/runs", limit=2, **query, **cursor)
        ids += _ids(body)
        assert body["page"]["limit"] == 2
        assert body["page"]["hasMore"] == ("cursor" in body["page"])
        if not body["page"]["hasMore"]:
            return ids
        cursor = {"cursor": body["page"]["cursor"]}


@pytest.mark.parametrize("prefix", ["/v2", "/api/v2"])
async def test_a_run_is_told_under_both_prefixes(prefix: str) -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        body = await it.get(f"{prefix}/runs/{run_id}")
        event_id = body["data"]["trigger"]["eventIds"][0]
        assert body == {
            "data": {
                "id": run_id,
                "app": {"id": "lab"},
                "function": {"id": "job", "name": "job"},
                "status": "RUNNING",
                "queuedAt": "2027-01-15T08:00:00.000Z",
                "startedAt": "2027-01-15T08:00:00.000Z",
                "trigger": {"eventIds": [event_id], "eventName": "t/job", "isBatch": False},
            },
            "metadata": {"fetchedAt": "2027-01-15T08:00:00.000Z"},
        }
        await it.clock.advance(86_400)
        await settle(it.engine)
        run = (await it.get(f"{prefix}/runs/{run_id}", includeOutput="true"))["data"]
        assert run["status"] == "COMPLETED"
        assert run["durationMs"] == "86400000"
        assert run["output"] == {"ok": True}


@pytest.mark.parametrize(
    ("output", "shown"), [([1, 2], {"data": [1, 2]}), (None, {"data": None}), ({}, {}), ("a", {"data": "a"})]
)
async def test_an_output_that_is_no_object_is_wrapped_in_one(output: Any, shown: Any) -> None:
    async def script(_: dict[str, Any]) -> httpx.Response:
        return result(output)

    async with rest(App(script)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        run = (await it.get(f"/v2/runs/{run_id}", includeOutput="true"))["data"]
        assert run["output"] == shown
        (listed,) = (await it.get("/v2/runs", includeOutput="1"))["data"]
        assert listed == run
        assert "output" not in (await it.get("/v2/runs"))["data"][0]


async def test_a_failed_run_shows_its_error_as_output() -> None:
    async with rest(App(fails)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        run = (await it.get(f"/v2/runs/{run_id}", includeOutput="true"))["data"]
        assert (run["status"], run["output"]["error"]["message"]) == ("FAILED", "no")


async def test_runs_are_listed_by_status_function_and_app_in_pages() -> None:
    async def script(body: dict[str, Any]) -> httpx.Response:
        kind = body["event"]["data"]["kind"]
        return await (fails if kind == "bad" else one_step_then_a_day)(body)

    async with rest(App(script), "job", "other") as it:
        runs = []
        for number in range(8):
            name = "t/job" if number % 2 else "t/other"
            runs.append(await start(it.engine, name, kind="bad" if number % 3 == 0 else "good"))
            await settle(it.engine)
            await it.clock.advance(1)
        bad = [run for number, run in enumerate(runs) if number % 3 == 0]
        newest = list(reversed(runs))
        assert await _pages(it) == newest
        assert await _pages(it, order="ASC") == runs
        assert await _pages(it, status="FAILED") == list(reversed(bad))
        assert await _pages(it, status="failed,RUNNING", order="asc") == runs
        both: list[tuple[str, str]] = [("status", "FAILED"), ("status", "RUNNING")]
        assert len(_ids((await it.api.get("/v2/runs", params=both)).json())) == 8
        assert await _pages(it, status="COMPLETED") == []
        assert await _pages(it, functionId="job") == newest[::2]
        assert await _pages(it, functionId="lab-job", appId="lab", status="FAILED") == [runs[3]]
        assert await _pages(it, appId="lab") == newest
        assert await _pages(it, timeField="endedAt") == list(reversed(bad))
        assert await _pages(it, timeField="ended", order="asc", functionId="other") == [runs[0], runs[6]]
        assert await _pages(it, timeField="STARTED_AT", status="RUNNING", order="asc") == [
            run for run in runs if run not in bad
        ]
        assert _ids(await it.get("/v2/apps/lab/functions/other/runs", status="FAILED")) == [runs[6], runs[0]]
        span = {"from": "2027-01-15T08:00:02Z", "until": "2027-01-15T08:00:05Z"}
        for moment in ("queuedAt", "startedAt"):
            assert await _pages(it, timeField=moment, **span) == newest[3:6]
            assert await _pages(it, timeField=moment, order="asc", **span) == runs[2:5]


async def test_an_empty_list_leaves_its_data_out() -> None:
    async with rest() as it:
        body = await it.get("/v2/runs")
        assert body == {
            "metadata": {"fetchedAt": "2027-01-15T08:00:00.000Z"},
            "page": {"hasMore": False, "limit": 20},
        }
        await start(it.engine)
        assert "data" not in await it.get("/v2/runs", isDeferred="true")
        assert len((await it.get("/v2/runs", isDeferred="false"))["data"]) == 1


async def test_runs_of_an_app_that_is_gone_are_still_found() -> None:
    async with rest() as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        assert await it.engine.remove_app("http://127.0.0.1:8000/api/inngest")
        assert await _pages(it, appId="lab", functionId="job") == [run_id]
        gone = await it.api.get("/v2/apps/lab/functions/job/runs")
        assert gone.status_code == 404


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({"limit": "101"}, 400, "`limit` must be a whole number from 1 to 100"),
        ({"status": "DONE"}, 400, "one of QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED, not 'DONE'"),
        ({"order": "up"}, 400, "`order` must be one of asc, desc"),
        ({"timeField": "born"}, 400, "`timeField` must be one of queuedAt, startedAt, endedAt"),
        ({"from": "2027"}, 400, "`from` must be an RFC 3339 date"),
        ({"until": "x"}, 400, "`until`"),
        ({"includeOutput": "maybe"}, 400, "`includeOutput` must be true or false"),
        ({"isDeferred": "maybe"}, 400, "`isDeferred`"),
        ({"cursor": NOBODY}, 400, "does not belong to this list"),
        ({"appId": "lub"}, 404, "No app named 'lub'"),
        ({"functionId": "jib"}, 404, "No function 'jib'"),
    ],
)
async def test_a_list_that_cannot_be_made_is_refused(query: dict[str, str], status: int, says: str) -> None:
    async with rest() as it:
        response = await it.api.get("/v2/runs", params=query)
        assert response.status_code == status
        (error,) = response.json()["errors"]
        assert says in error["message"]
        assert error["code"] in {"invalid_field_format", "invalid_request", "not_found"}


async def test_a_cursor_of_a_run_that_never_ended_is_none_of_a_list_by_end() -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine)
        response = await it.api.get("/v2/runs", params={"timeField": "endedAt", "cursor": run_id})
        assert response.status_code == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/trace"), ("POST", "/cancel"), ("POST", "/rerun")]
)
async def test_a_run_that_does_not_exist_is_404_and_a_bad_id_400(method: str, path: str) -> None:
    async with rest() as it:
        for run_id, status, code in ((NOBODY, 404, "not_found"), ("x", 400, "invalid_field_format")):
            response = await it.api.request(method, f"/v2/runs/{run_id}{path}")
            assert response.status_code == status
            assert response.json()["errors"][0]["code"] == code


async def test_a_trace_shows_the_run_its_steps_and_their_failed_attempts() -> None:
    async def script(body: dict[str, Any]) -> httpx.Response:
        if "hash-first" in body["steps"]:
            return result(3)
        if body["ctx"]["attempt"] == 0:
            error = {"op": "StepError", "id": "hash-first", "userland": {"id": "first"}}
            return opcodes({**error, "error": {"name": "ValueError", "message": "once"}})
        return opcodes({**step_run("first", [1]), "opts": {"input": [7]}})

    async with rest(App(script)) as it:
        run_id = await start(it.engine, n=1)
        await settle(it.engine)
        root = (await it.get(f"/v2/runs/{run_id}/trace"))["data"]["rootSpan"]
        assert (root["status"], root["children"][0]["status"]) == ("RUNNING", "WAITING")
        assert "output" not in root

        await it.clock.advance(60)
        await settle(it.engine)
        body = await it.get(f"/v2/runs/{run_id}/trace", includeOutput="true")
        root = body["data"]["rootSpan"]
        assert (root["name"], root["status"], root["output"]) == ("job", "COMPLETED", {"data": 3})
        assert root["input"]["data"] == {"n": 1}
        (step,) = root["children"]
        assert (step["name"], step["stepOp"], step["stepId"]) == ("first", "RUN", "hash-first")
        assert (step["status"], step["input"], step["output"]) == ("COMPLETED", {"data": [7]}, {"data": [1]})
        failed, passed = step["children"]
        assert (failed["status"], failed["name"]) == ("FAILED", "Attempt 0")
        assert failed["output"] == {"error": {"name": "ValueError", "message": "once"}}
        assert (passed["status"], passed["output"]) == ("COMPLETED", {"data": [1]})
        ids = [span["id"] for span in (root, step, failed, passed)]
        assert len(set(ids)) == 4
        assert body == await it.get(f"/api/v2/runs/{run_id}/trace", includeOutput="true")


async def test_a_trace_names_the_runs_that_a_step_invoked() -> None:
    async def script(body: dict[str, Any]) -> httpx.Response:
        if body["event"]["name"] != "t/parent":
            return result("child")
        if "hash-ask" in body["steps"]:
            return result(body["steps"]["hash-ask"])
        invoke = {"op": "InvokeFunction", "id": "hash-ask", "userland": {"id": "ask"}}
        return opcodes({**invoke, "opts": {"function_id": "lab-child", "payload": {"data": {}}}})

    async with rest(App(script), "parent", "child") as it:
        run_id = await start(it.engine, "t/parent")
        await settle(it.engine)
        root = (await it.get(f"/v2/runs/{run_id}/trace"))["data"]["rootSpan"]
        (child_id,) = root["children"][0]["childRunIds"]
        assert root["children"][0]["stepOp"] == "INVOKE"
        assert (await it.get(f"/v2/runs/{child_id}"))["data"]["function"]["id"] == "child"


async def test_calls_that_failed_outside_of_steps_are_attempts_of_the_run() -> None:
    async def script(body: dict[str, Any]) -> httpx.Response:
        return await fails(body) if body["ctx"]["attempt"] else httpx.Response(500, text="down")

    async with rest(App(script)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        await it.clock.advance(60)
        await settle(it.engine)
        root = (await it.get(f"/v2/runs/{run_id}/trace", includeOutput="true"))["data"]["rootSpan"]
        assert root["status"] == "FAILED"
        assert root["output"]["error"]["message"] == "no"
        assert [span["name"] for span in root["children"]] == ["Attempt 0", "Attempt 1"]
        assert {span["status"] for span in root["children"]} == {"FAILED"}
        assert "HTTP 500" in root["children"][0]["output"]["error"]["message"]


async def test_a_run_is_cancelled_once_and_the_second_time_told_why_not() -> None:
    async with rest(App(one_step_then_a_day)) as it:
        first, second = await start(it.engine), await start(it.engine)
        await settle(it.engine)
        body = await it.post(f"/v2/runs/{first}/cancel")
        assert (body["data"]["id"], body["data"]["status"]) == (first, "CANCELLED")
        root = (await it.get(f"/v2/runs/{first}/trace"))["data"]["rootSpan"]
        assert [span["status"] for span in (root, *root["children"])] == [
            "CANCELLED",
            "COMPLETED",
            "CANCELLED",
        ]

        await it.clock.advance(86_400)
        await settle(it.engine)
        for run_id, code in ((first, "run_already_cancelled"), (second, "run_already_ended")):
            again = await it.api.post(f"/v2/runs/{run_id}/cancel")
            assert again.status_code == 409
            assert again.json()["errors"][0]["code"] == code


@pytest.mark.parametrize("content", [b"", b"{}", b'{"fromStep":null}'])
async def test_a_run_is_run_again(content: bytes) -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        response = await it.api.post(f"/v2/runs/{run_id}/rerun", content=content)
        assert response.status_code == 200
        new_id = response.json()["data"]["runId"]
        assert (await it.get(f"/v2/runs/{new_id}"))["data"]["originalRunId"] == run_id
        assert (await it.get(f"/v1/runs/{new_id}"))["data"]["original_run_id"] == run_id


@pytest.mark.parametrize("step", ["nap", "hash-nap"])
async def test_a_run_is_run_again_from_one_of_its_steps(step: str) -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        body = await it.post(f"/v2/runs/{run_id}/rerun", {"fromStep": {"stepId": step}})
        calls = len(it.app.bodies)
        await settle(it.engine)
        assert it.app.bodies[calls]["steps"].keys() == {"hash-first"}
        assert (await it.engine.get_run(body["data"]["runId"])).status is RunStatus.RUNNING


async def test_the_step_that_a_rerun_begins_with_gets_the_arguments_that_were_given() -> None:
    async with rest(App(one_step_then_a_day)) as it:
        await it.engine.register_app({**registration("job"), "sdk": "js:v4.24.0"})
        run_id = await start(it.engine)
        await settle(it.engine)
        calls = len(it.app.bodies)
        await it.post(f"/v2/runs/{run_id}/rerun", {"fromStep": {"stepId": "first", "input": [7]}})
        await it.app.called(calls + 1)
        assert it.app.bodies[calls]["steps"] == {"hash-first": {"input": [7]}}


async def test_the_python_sdk_takes_no_other_arguments_and_the_refusal_says_so() -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        body = {"fromStep": {"stepId": "first", "input": [7]}}
        response = await it.api.post(f"/v2/runs/{run_id}/rerun", json=body)
        assert response.status_code == 400
        assert "Python SDK" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"fromStep": "a"}, "`fromStep` must be an object"),
        ({"fromStep": {}}, "`stepId` is missing"),
        ({"fromStep": {"stepId": 7}}, "`stepId` must be text"),
        ({"fromStep": {"stepId": "first", "input": {}}}, "`fromStep.input` must be a list"),
        ({"fromStep": {"stepId": "other"}}, "no step 'other'"),
        ([], "must be a JSON object"),
    ],
)
async def test_a_rerun_that_makes_no_sense_is_refused(body: Any, says: str) -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine)
        await settle(it.engine)
        response = await it.api.post(f"/v2/runs/{run_id}/rerun", json=body)
        assert response.status_code == 400
        assert says in response.json()["errors"][0]["message"]
        assert len(_ids(await it.get("/v2/runs"))) == 1


async def test_scores_and_all_other_paths_are_not_implemented() -> None:
    async with rest() as it:
        for method, path in (
            ("POST", f"/v2/runs/{NOBODY}/scores"),
            ("GET", "/v2/webhooks"),
            ("GET", "/api/v2/insights/x"),
            ("DELETE", "/v2/apps"),
            ("PATCH", "/v2/envs/x"),
        ):
            response = await it.api.request(method, path)
            assert response.status_code == 501
            assert response.json()["errors"][0]["code"] == "not_implemented"


async def test_the_runs_of_an_event_are_listed_first_one_first() -> None:
    async with rest(App(one_step_then_a_day)) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/job"))
        (first,) = receipt.started
        await it.clock.advance(1)
        again = (await it.post(f"/v2/runs/{first.run_id}/rerun", {}))["data"]["runId"]
        path = f"/v2/events/{receipt.event.id}/runs"
        assert _ids(await it.get(path)) == [first.run_id, again]
        body = await it.get(path, limit=1)
        assert _ids(await it.get(path, limit=1, cursor=body["page"]["cursor"])) == [again]
        assert (await it.api.get(path, params={"limit": 41})).status_code == 400
        for event_id, status in (("x", 400), (NOBODY, 404)):
            assert (await it.api.get(f"/v2/events/{event_id}/runs")).status_code == status
