"""REST API v1: events, runs and functions, read."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from rest_api import NOBODY, fails, one_step_then_a_day, rest
from scripted_app import App, settle, start

from durable_engine import NewEvent
from durable_engine.ids import uuid_for

pytestmark = pytest.mark.anyio


async def test_an_event_is_listed_with_the_senders_id_and_the_engines() -> None:
    async with rest() as it:
        receipt = await it.engine.send_event(
            NewEvent(name="t/job", id="mine", data={"a": 1}, user={"id": 7}, v="2")
        )
        body = await it.get("/v1/events")
        (event,) = body["data"]

        assert event["internal_id"] == receipt.event.id
        assert event["id"] == "mine"
        assert (event["name"], event["data"], event["user"], event["v"]) == (
            "t/job",
            {"a": 1},
            {"id": 7},
            "2",
        )
        assert event["received_at"] == "2027-01-15T08:00:00.000Z"
        assert event["ts"] == 1_800_000_000_000
        assert (
            body["metadata"]["fetched_at"] == body["metadata"]["cached_until"] == "2027-01-15T08:00:00.000Z"
        )

        await it.engine.send_event(NewEvent(name="t/other"))
        (bare, _) = (await it.get("/v1/events"))["data"]
        assert "user" not in bare
        assert "v" not in bare
        assert bare["id"] == bare["internal_id"]


async def test_events_come_newest_first_in_pages_and_never_the_internal_ones() -> None:
    async with rest() as it:
        for number in range(5):
            await start(it.engine, number=number)
            await it.clock.advance(1)
        await settle(it.engine)
        seen: list[int] = []
        cursor: dict[str, str] = {}
        while page := (await it.get("/v1/events", limit=2, **cursor))["data"]:
            seen += [event["data"]["number"] for event in page]
            cursor = {"cursor": page[-1]["internal_id"]}
        assert seen == [4, 3, 2, 1, 0]
        assert (await it.get("/v1/events", name="inngest/function.finished"))["data"] == []
        assert len((await it.get("/v1/events", name="t/job"))["data"]) == 5
        assert (await it.get("/v1/events", name="t/none"))["data"] == []


async def test_events_are_chosen_by_when_they_arrived() -> None:
    async with rest() as it:
        for number in range(4):
            await start(it.engine, number=number)
            await it.clock.advance(1)
        after, before = "2027-01-15T08:00:00.000Z", "2027-01-15T09:00:03+01:00"
        page = await it.get("/v1/events", received_after=after, received_before=before)
        assert [event["data"]["number"] for event in page["data"]] == [2, 1]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"limit": "0"}, "`limit` must be a whole number from 1 to 51"),
        ({"limit": "52"}, "`limit`"),
        ({"limit": "many"}, "`limit`"),
        ({"limit": "9" * 5000}, "`limit`"),
        ({"received_after": "yesterday"}, "`received_after` must be an RFC 3339 date"),
        ({"received_before": "2027-01-15"}, "`received_before`"),
        ({"received_before": "2027-02-31T00:00:00Z"}, "`received_before`"),
        ({"received_before": "0000-01-01T00:00:00Z"}, "`received_before`"),
        ({"cursor": NOBODY}, "does not belong to this list"),
        ({"cursor": "x"}, "does not belong to this list"),
    ],
)
async def test_a_bad_parameter_is_refused_with_what_is_allowed(query: dict[str, str], says: str) -> None:
    async with rest() as it:
        response = await it.api.get("/v1/events", params=query)
        assert response.status_code == 400
        body = response.json()
        assert says in body["error"]
        assert body["status"] == 400
        assert body["data"] is None


async def test_an_event_and_its_runs_are_found_by_its_internal_id_only() -> None:
    async with rest() as it:
        receipt = await it.engine.send_event(NewEvent(name="t/job", id="mine"))
        await settle(it.engine)
        event_id = receipt.event.id
        assert (await it.get(f"/v1/events/{event_id}"))["data"]["id"] == "mine"
        body = await it.get(f"/v1/events/{event_id}/runs")
        (run,) = body["data"]
        assert run["run_id"] == receipt.started[0].run_id
        assert run["event_id"] == event_id
        assert run["output"] == "done"
        assert body["metadata"]["cached_until"] == "2027-01-15T08:00:15.000Z"
        for path, status in (("mine", 400), ("mine/runs", 400), (NOBODY, 404), (f"{NOBODY}/runs", 404)):
            response = await it.api.get(f"/v1/events/{path}")
            assert response.status_code == status
            assert response.json()["status"] == status


async def test_a_run_is_told_in_the_words_of_v1_through_its_life() -> None:
    async with rest(App(one_step_then_a_day)) as it:
        it.app.gate.clear()
        run_id = await start(it.engine)
        await it.app.called(1)
        it.app.gate.set()
        await settle(it.engine)
        body = await it.get(f"/v1/runs/{run_id}")
        run = body["data"]
        assert run["status"] == "Running"
        assert run["function_id"] == uuid_for("function", "lab-job")
        assert (run["output"], run["ended_at"]) == (None, None)
        assert body["metadata"]["cached_until"] == "2027-01-15T08:00:03.000Z"
        (job,) = (await it.get(f"/v1/runs/{run_id}/jobs"))["data"]
        assert (job["step_id"], job["kind"], job["at"]) == ("hash-nap", "timer", "2027-01-16T08:00:00.000Z")

        await it.clock.advance(86_400)
        await settle(it.engine)
        run = (await it.get(f"/v1/runs/{run_id}"))["data"]
        assert (run["status"], run["output"]) == ("Completed", {"ok": True})
        assert run["run_started_at"] == "2027-01-15T08:00:00.000Z"
        assert run["ended_at"] == "2027-01-16T08:00:00.000Z"
        assert (await it.get(f"/v1/runs/{run_id}/jobs"))["data"] == []


async def test_a_run_that_has_not_begun_is_scheduled_and_one_that_failed_says_why() -> None:
    async with rest(App(fails)) as it:
        later = await it.engine.send_event(NewEvent(name="t/job", ts_ms=1_800_000_060_000))
        run = (await it.get(f"/v1/runs/{later.started[0].run_id}"))["data"]
        assert run["status"] == "Scheduled"

        run_id = await start(it.engine)
        await settle(it.engine)
        run = (await it.get(f"/v1/runs/{run_id}"))["data"]
        assert run["status"] == "Failed"
        assert run["output"]["error"]["message"] == "no"


@pytest.mark.parametrize("path", ["", "/jobs"])
async def test_a_run_that_does_not_exist_is_404_and_a_bad_id_400(path: str) -> None:
    async with rest() as it:
        for run_id, status in ((NOBODY, 404), ("x", 400)):
            response = await it.api.get(f"/v1/runs/{run_id}{path}")
            assert response.status_code == status
            assert response.json()["status"] == status
            assert response.json()["data"] is None


async def test_the_functions_of_an_app_are_a_bare_list() -> None:
    async with rest(None, "job", "other") as it:
        functions = await it.get("/v1/apps/lab/functions")
        assert [entry["id"] for entry in functions] == ["lab-job", "lab-other"]
        assert functions[0]["internal_id"] == uuid_for("function", "lab-job")
        assert functions[0]["config"]["triggers"] == [{"event": "t/job"}]
        assert functions == await it.get(f"/v1/apps/{functions[0]['app_id']}/functions")
        unknown = await it.api.get("/v1/apps/lub/functions")
        assert unknown.status_code == 404
        assert unknown.json()["nearest"] == ["lab"]


async def test_what_is_not_served_is_told_in_the_same_form() -> None:
    async with rest() as it:
        for method, path, status in (
            ("GET", "/v1/nothing", 404),
            ("POST", "/v1/events", 405),
            ("GET", "/v1/prom/dev", 501),
        ):
            response: httpx.Response = await it.api.request(method, path)
            body: Any = response.json()
            assert response.status_code == status
            assert (body["status"], body["data"]) == (status, None)
            assert body["error"]


async def test_the_state_of_a_run_is_fetched_while_it_goes_on_and_gone_after() -> None:
    async with rest(App(one_step_then_a_day)) as it:
        run_id = await start(it.engine, n=1)
        await settle(it.engine)
        (event,) = await it.get(f"/v0/runs/{run_id}/batch")
        assert event["data"] == {"n": 1}
        assert await it.get(f"/v0/runs/{run_id}/actions") == {"hash-first": {"data": {"n": 1}}}

        bad = await it.api.get("/v0/runs/x/actions")
        assert bad.status_code == 400
        assert bad.json() == {"error": "The run ID specified is invalid", "data": None, "status": 400}
        assert (await it.api.get(f"/v0/runs/{NOBODY}/batch")).status_code == 404

        assert (await it.api.delete(f"/v0/runs/{run_id}")).status_code == 204
        assert (await it.api.delete(f"/v0/runs/{run_id}")).status_code == 409
        assert (await it.api.delete("/v0/runs/x")).status_code == 400
        for path in ("batch", "actions"):
            gone = await it.api.get(f"/v0/runs/{run_id}/{path}")
            assert gone.status_code == 410
            assert gone.json()["status"] == 410
