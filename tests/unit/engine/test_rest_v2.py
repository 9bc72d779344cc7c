"""REST API v2: health, account, events, apps, functions and invoking them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rest_api import NOBODY, rest
from scripted_app import URL, App, engine_for, registration, settle

from durable_engine import ManualClock

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("prefix", ["/v2", "/api/v2"])
async def test_the_server_tells_that_it_is_up_and_what_account_it_has(prefix: str) -> None:
    async with rest() as it:
        assert (await it.get(f"{prefix}/health"))["data"] == {"status": "ok"}
        account = await it.get(f"{prefix}/account")
        assert account["data"]["id"]
        (environment,) = (await it.get(f"{prefix}/envs"))["data"]
        assert environment["name"] == "dev"
        for keys in ("events", "signing"):
            body = await it.get(f"{prefix}/keys/{keys}")
            assert "data" not in body
            assert body["metadata"]["fetchedAt"]


async def test_an_event_is_sent() -> None:
    async with rest() as it:
        body = await it.post(
            "/v2/events", {"name": "t/job", "id": "mine", "data": {"a": 1}, "ts": "1800000000001"}
        )
        event = (await it.get(f"/v1/events/{body['data']['eventId']}"))["data"]
        assert (event["id"], event["data"], event["ts"]) == ("mine", {"a": 1}, 1_800_000_000_001)
        assert len((await it.get(f"/v2/events/{body['data']['eventId']}/runs"))["data"]) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_field"),
        ({"name": ""}, "missing_field"),
        ({"name": 7}, "invalid_field_format"),
        ([], "invalid_field_format"),
        ({"name": "inngest/x"}, "invalid_request"),
        ({"name": "a", "data": [1]}, "invalid_request"),
        ({"name": "a", "ts": "soon"}, "invalid_request"),
    ],
)
async def test_an_event_that_cannot_be_used_is_refused(body: Any, code: str) -> None:
    async with rest() as it:
        response = await it.api.post("/v2/events", json=body)
        assert response.status_code == 400
        (error,) = response.json()["errors"]
        assert error["code"] == code
        assert error["message"]


async def test_apps_tell_of_their_last_sync() -> None:
    async with rest(None, "job", "other") as it:
        await it.engine.register_app(registration("x", app="zoo", url="http://127.0.0.1:9000/api/inngest"))
        body = await it.get("/v2/apps")
        assert [app["id"] for app in body["data"]] == ["lab", "zoo"]
        app = body["data"][0]
        assert (app["functionCount"], app["method"]) == (2, "SERVE")
        assert app["latestSync"] == {
            "sdkLanguage": "py",
            "sdkVersion": "0.5.19",
            "url": URL,
            "status": "success",
            "syncedAt": "2027-01-15T08:00:00.000Z",
        }
        assert (await it.get("/v2/apps/lab"))["data"] == app
        first = await it.get("/v2/apps", limit=1)
        assert (first["data"], first["page"]["cursor"]) == ([app], "lab")
        second = await it.get("/v2/apps", limit=1, cursor="lab")
        assert ([entry["id"] for entry in second["data"]], second["page"]["hasMore"]) == (["zoo"], False)
        unknown = await it.api.get("/v2/apps/lub")
        assert unknown.status_code == 404
        assert unknown.json()["errors"][0]["nearest"] == ["lab"]


async def test_syncing_an_app_that_does_not_answer_tells_so() -> None:
    async with rest() as it:
        for path, body, status in (
            ("lab", {}, 502),
            ("new", {"url": "http://127.0.0.1:9000/api/inngest"}, 502),
            ("new", {}, 404),
            ("lab", {"url": 7}, 400),
            ("lab", {"url": "lab"}, 400),
            ("lab", {"url": "http://["}, 400),
        ):
            response = await it.api.post(f"/v2/apps/{path}/syncs", json=body)
            assert response.status_code == status
            assert response.json()["errors"][0]["message"]


def _configured() -> dict[str, Any]:
    body = registration("job", retries=7)
    body["functions"][0] |= {
        "name": "The job",
        "triggers": [{"event": "t/job", "expression": "event.data.n > 1"}, {"cron": "0 3 * * *"}],
        "concurrency": [{"limit": 5, "key": "event.data.u", "scope": "account"}, {"limit": 2}],
        "throttle": {"limit": 3, "period": "10s", "burst": 2},
        "debounce": {"period": "5s"},
        "rateLimit": {"limit": 10, "period": "1m"},
        "priority": {"run": "event.data.p"},
        "Singleton": {"mode": "skip"},
        "cancel": [{"event": "t/stop", "if": "event.data.id == async.data.id"}],
    }
    return body


async def test_a_function_is_told_with_what_limits_it() -> None:
    async with rest() as it:
        await it.engine.register_app(_configured())
        (function,) = (await it.get("/v2/apps/lab/functions"))["data"]
        assert (function["id"], function["slug"], function["name"]) == ("job", "lab-job", "The job")
        assert (function["isPaused"], function["isArchived"], function["app"]) == (
            False,
            False,
            {"id": "lab"},
        )
        assert function["triggers"] == [
            {"type": "EVENT", "value": "t/job", "if": "event.data.n > 1"},
            {"type": "CRON", "value": "0 3 * * *"},
        ]
        assert function["configuration"] == {
            "retries": {"value": 7, "isDefault": False},
            "concurrency": [
                {"scope": "ACCOUNT", "limit": {"value": 5, "isPlanLimit": False}, "key": "event.data.u"},
                {"scope": "FUNCTION", "limit": {"value": 2, "isPlanLimit": False}},
            ],
            "cancelOn": [{"event": "t/stop", "if": "event.data.id == async.data.id"}],
            "throttle": {"limit": 3, "period": "10s", "burst": 2},
            "rateLimit": {"limit": 10, "period": "1m"},
            "debounce": {"period": "5s"},
            "priority": {"run": "event.data.p"},
            "singleton": {"mode": "skip"},
        }
        for name in ("job", "lab-job"):
            assert (await it.get(f"/v2/apps/lab/functions/{name}"))["data"] == function


async def test_idempotency_shows_as_the_rate_limit_that_it_is() -> None:
    async with rest() as it:
        body = registration("job")
        body["functions"][0] |= {"idempotency": "event.data.id", "concurrency": 4}
        await it.engine.register_app(body)
        shown = (await it.get("/v2/apps/lab/functions/job"))["data"]["configuration"]
        assert shown["rateLimit"] == {"limit": 1, "period": "24h0m0s", "key": "event.data.id"}
        assert shown["concurrency"] == [{"scope": "FUNCTION", "limit": {"value": 4, "isPlanLimit": False}}]


async def test_functions_come_in_pages_and_unknown_ones_with_the_nearest() -> None:
    async with rest(None, "a", "b", "c") as it:
        first = await it.get("/v2/apps/lab/functions", limit=2)
        assert [entry["id"] for entry in first["data"]] == ["a", "b"]
        second = await it.get("/v2/apps/lab/functions", limit=2, cursor=first["page"]["cursor"])
        assert [entry["id"] for entry in second["data"]] == ["c"]
        for path in ("/v2/apps/lab/functions/d", "/v2/apps/lub/functions/a", "/v2/apps/lub/functions"):
            response = await it.api.get(path)
            assert response.status_code == 404
            assert response.json()["errors"][0]["code"] == "not_found"


async def test_a_function_is_invoked_with_data() -> None:
    async with rest() as it:
        body = await it.post("/v2/apps/lab/functions/job/invoke", {"data": {"n": 1}})
        await settle(it.engine)
        run = await it.engine.get_run(body["data"]["runId"])
        assert run.output == "done"
        assert run.event.data["n"] == 1


INVOKE = "/v2/apps/lab/functions/job/invoke"


async def test_a_key_starts_a_function_once_a_day_also_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock(1_800_000_000_000)
    data_file = tmp_path / "data.db"
    async with engine_for(App(), data_file=data_file, clock=clock) as engine:
        first = await engine.invoke_function("job", key="k")
        again = await engine.invoke_function("job", key="k")
        assert (again.is_known, again.event) == (True, first.event)
        assert again.started[0].existed
        assert again.started[0].run_id == first.started[0].run_id
    async with engine_for(App(), data_file=data_file, clock=clock) as engine:
        assert (await engine.invoke_function("job", key="k")).is_known
        await clock.advance(24 * 3_600)
        assert not (await engine.invoke_function("job", key="k")).is_known


async def test_a_key_that_was_used_answers_with_the_first_run() -> None:
    async with rest(None, "job", "other") as it:
        first = await it.post(INVOKE, {"idempotencyKey": "k"})
        again = await it.api.post(INVOKE, json={"idempotencyKey": "k", "data": {"other": 1}})
        assert again.status_code == 409
        assert again.json()["data"] == first["data"]
        assert first["data"]["runId"] in again.json()["errors"][0]["message"]
        for path, key in (
            (INVOKE, "l"),
            ("/v2/apps/lab/functions/other/invoke", "k"),
            (INVOKE, None),
            (INVOKE, ""),
        ):
            assert (await it.post(path, {"idempotencyKey": key}))["data"] != first["data"]


async def test_a_key_and_the_id_of_an_event_do_not_meet() -> None:
    async with rest() as it:
        await it.post("/v2/events", {"name": "t/job", "id": "k"})
        await it.post(INVOKE, {"idempotencyKey": "k"})
        assert len((await it.get("/v2/runs"))["data"]) == 2


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (INVOKE, {"data": [1]}, 400),
        (INVOKE, {"user": "a"}, 400),
        (INVOKE, [], 400),
        (INVOKE, {"idempotencyKey": 7}, 400),
        (INVOKE, {"idempotencyKey": "k" * 513}, 400),
        ("/v2/apps/lab/functions/jib/invoke", {}, 404),
        ("/v2/apps/lub/functions/job/invoke", {}, 404),
    ],
)
async def test_an_invocation_that_makes_no_sense_is_refused(path: str, body: Any, status: int) -> None:
    async with rest() as it:
        response = await it.api.post(path, json=body)
        assert response.status_code == status
        assert response.json()["errors"][0]["message"]
        assert "data" not in await it.get("/v2/runs")


async def test_a_body_that_is_no_json_is_told_in_the_form_of_v2() -> None:
    async with rest() as it:
        for path in ("/v2/events", INVOKE, f"/v2/runs/{NOBODY}/rerun"):
            response = await it.api.post(path, content=b"{")
            assert response.status_code == 400
            assert response.json()["errors"][0]["code"] == "invalid_request"
            assert "not valid JSON" in response.json()["errors"][0]["message"]


async def test_half_characters_come_back_as_they_were_sent() -> None:
    async with rest() as it:
        sent = await it.api.post("/v2/events", content=b'{"name":"t/job","data":{"a":"\\ud800"}}')
        event = await it.get(f"/v1/events/{sent.json()['data']['eventId']}")
        assert event["data"]["data"] == {"a": "\ud800"}
        run_id = (await it.get("/v2/runs"))["data"][0]["id"]
        trace = await it.get(f"/v2/runs/{run_id}/trace", includeOutput="true")
        assert trace["data"]["rootSpan"]["input"]["data"] == {"a": "\ud800"}
