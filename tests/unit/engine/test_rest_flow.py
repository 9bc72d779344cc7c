"""REST API: what it tells of flow control, and how functions are paused and resumed."""

from __future__ import annotations

from typing import Any

import pytest
from rest_api import NOBODY, Rest, rest
from scripted_app import registration, settle

pytestmark = pytest.mark.anyio


async def _configure(it: Rest, **config: Any) -> None:
    """Sync function `job` with this configuration."""
    body = registration("job")
    body["functions"][0].update(config)
    await it.engine.register_app(body)


async def _send(it: Rest, **data: Any) -> str:
    body = await it.post("/v2/events", {"name": "t/job", "data": data})
    return str(body["data"]["eventId"])


async def test_the_record_of_an_event_says_why_it_started_nothing() -> None:
    async with rest() as it:
        await _configure(it, rateLimit={"limit": 1, "period": "1h"})
        first, second = await _send(it), await _send(it)
        assert (await it.get(f"/v1/events/{first}/decisions"))["data"] == []
        assert (await it.get(f"/v1/events/{second}/decisions"))["data"] == [
            {
                "function": "lab-job",
                "decision": "drop",
                "control": "rateLimit",
                "reason": "its rate limit of 1 per 1h is used up",
                "until": "2027-01-15T09:00:00.000Z",
                "run_id": None,
            }
        ]


@pytest.mark.parametrize(("event_id", "status"), [(NOBODY, 404), ("nonsense", 400)])
async def test_the_record_of_an_event_that_does_not_exist_is_refused(event_id: str, status: int) -> None:
    async with rest() as it:
        response = await it.api.get(f"/v1/events/{event_id}/decisions")
        assert response.status_code == status


async def test_a_batch_is_told_with_all_its_events_and_found_by_each() -> None:
    async with rest() as it:
        await _configure(it, batchEvents={"maxSize": 2, "timeout": "1m"})
        events = [await _send(it, n=1), await _send(it, n=2)]
        await settle(it.engine)

        (run,) = (await it.get("/v2/runs"))["data"]
        assert run["trigger"] == {"eventIds": events, "eventName": "t/job", "isBatch": True}
        for event_id in events:
            (found,) = (await it.get(f"/v1/events/{event_id}/runs"))["data"]
            assert found["run_id"] == run["id"]
        (decision,) = (await it.get(f"/v1/events/{events[0]}/decisions"))["data"]
        assert (decision["decision"], decision["run_id"]) == ("delay", run["id"])


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"rateLimit": {"limit": 1, "period": "1h"}}, "rate_limited"),
        ({"idempotency": "event.data.n"}, "rate_limited"),
        ({"debounce": {"period": "1m"}}, "function_debounced"),
        ({"singleton": {"mode": "skip"}, "triggers": []}, "function_skipped"),
    ],
)
async def test_an_invocation_that_starts_nothing_says_which_control_decided(
    config: dict[str, Any], code: str
) -> None:
    async with rest() as it:
        it.app.gate.clear()
        await _configure(it, **config)
        path = "/v2/apps/lab/functions/job/invoke"
        await it.api.post(path, json={"data": {"n": 1}})
        response = await it.api.post(path, json={"data": {"n": 1}})
        assert response.status_code == 422
        (error,) = response.json()["errors"]
        assert error["code"] == code
        verb = "does not start at once" if code == "function_debounced" else "was not started"
        assert error["message"].startswith(f"The function {verb}: ")
        it.app.gate.set()
        await settle(it.engine)


async def test_a_function_is_paused_and_resumed() -> None:
    async with rest() as it:
        path = "/v2/apps/lab/functions/job"
        assert (await it.get(path))["data"]["isPaused"] is False
        assert (await it.post(f"{path}/pause"))["data"]["isPaused"] is True
        assert (await it.post(f"{path}/pause"))["data"]["isPaused"] is True
        assert (await it.get(path))["data"]["isPaused"] is True
        event = await _send(it)
        (decision,) = (await it.get(f"/v1/events/{event}/decisions"))["data"]
        assert decision["control"] == "pause"

        assert (await it.post(f"{path}/resume"))["data"]["isPaused"] is False
        assert (await it.get("/v2/runs")).get("data", []) == []
        await _send(it)
        await settle(it.engine)
        assert len((await it.get("/v2/runs"))["data"]) == 1


async def test_pausing_may_cancel_what_is_open() -> None:
    async with rest() as it:
        it.app.gate.clear()
        await _send(it)
        await it.app.called(1)
        await it.post("/v2/apps/lab/functions/job/pause", {"cancelRuns": True})
        (run,) = (await it.get("/v2/runs"))["data"]
        assert run["status"] == "CANCELLED"
        it.app.gate.set()
        await settle(it.engine)


@pytest.mark.parametrize("body", [{"cancelRuns": "yes"}, {"cancelRuns": 1}, []])
async def test_a_pause_with_a_bad_body_is_refused(body: Any) -> None:
    async with rest() as it:
        response = await it.api.post("/v2/apps/lab/functions/job/pause", json=body)
        assert response.status_code == 400
        assert (await it.get("/v2/apps/lab/functions/job"))["data"]["isPaused"] is False


async def test_a_function_that_does_not_exist_cannot_be_paused() -> None:
    async with rest() as it:
        for verb in ("pause", "resume"):
            response = await it.api.post(f"/v2/apps/lab/functions/nothing/{verb}")
            assert response.status_code == 404
