"""Stories told over the REST API alone, with the real SDK behind it."""

from __future__ import annotations

import datetime
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

pytestmark = pytest.mark.anyio


def _order(client: inngest.Inngest) -> Any:
    @client.create_function(fn_id="order", retries=1, trigger=inngest.TriggerEvent(event="shop/order"))
    async def order(ctx: inngest.Context) -> Any:
        async def price(count: int) -> int:
            if ctx.attempt == 0 and ctx.event.data.get("flaky"):
                raise ValueError("the price list is being changed")
            return count * 10

        async def pack() -> str:
            return "packed"

        cost = await ctx.step.run("price", price, ctx.event.data["count"])
        await ctx.step.run("pack", pack)
        if ctx.event.data.get("waits"):
            await ctx.step.sleep("until-monday", datetime.timedelta(days=2))
        return {"cost": cost}

    return order


async def _get(it: Lab, path: str, **query: Any) -> Any:
    response = await it.api.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def _post(it: Lab, path: str, body: Any = None) -> Any:
    response = await it.api.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def _send(it: Lab, **data: Any) -> tuple[str, str]:
    """Send an event over the API; return its id and that of the run which it started."""
    event_id = (await _post(it, "/v2/events", {"name": "shop/order", "data": data}))["data"]["eventId"]
    await it.engine.settle()
    (run,) = (await _get(it, f"/v1/events/{event_id}/runs"))["data"]
    return event_id, run["run_id"]


async def test_from_an_event_to_the_output_of_its_run() -> None:
    client = new_client()

    async with lab(client, [_order(client)]) as it:
        event_id, run_id = await _send(it, count=3)

        assert (await _get(it, "/v1/events"))["data"][0]["internal_id"] == event_id
        (old,) = (await _get(it, f"/v1/events/{event_id}/runs"))["data"]
        assert (old["status"], old["output"]) == ("Completed", {"cost": 30})
        (new,) = (await _get(it, f"/v2/events/{event_id}/runs", includeOutput="true"))["data"]
        assert (new["id"], new["status"], new["output"]) == (run_id, "COMPLETED", {"cost": 30})
        assert (await _get(it, "/v2/runs", status="COMPLETED", functionId="lab-order"))["data"][0][
            "id"
        ] == run_id


async def test_a_trace_of_a_run_that_had_to_try_again() -> None:
    client = new_client()

    async with lab(client, [_order(client)]) as it:
        _, run_id = await _send(it, count=3, flaky=True)
        root = (await _get(it, f"/v2/runs/{run_id}/trace"))["data"]["rootSpan"]
        assert (root["status"], root["children"][0]["status"]) == ("RUNNING", "WAITING")

        await it.advance(60, run_id)
        trace = await _get(it, f"/v2/runs/{run_id}/trace", includeOutput="true")
        root = trace["data"]["rootSpan"]
        price, pack = root["children"]
        assert [span["status"] for span in (root, price, pack)] == ["COMPLETED"] * 3
        assert [span["status"] for span in price["children"]] == ["FAILED", "COMPLETED"]
        failed = price["children"][0]["output"]["error"]
        assert (failed["name"], failed["message"]) == ("ValueError", "the price list is being changed")
        assert price["output"] == {"data": 30}
        assert "children" not in pack


async def test_a_run_is_cancelled_and_run_again() -> None:
    client = new_client()

    async with lab(client, [_order(client)]) as it:
        _, run_id = await _send(it, count=3, waits=True)
        (job,) = (await _get(it, f"/v1/runs/{run_id}/jobs"))["data"]
        assert job["kind"] == "timer"
        assert (await _post(it, f"/v2/runs/{run_id}/cancel"))["data"]["status"] == "CANCELLED"

        again = (await _post(it, f"/v2/runs/{run_id}/rerun", {}))["data"]["runId"]
        run = await it.advance(2 * 86_400 + 60, again)
        assert run.output == {"cost": 30}
        assert (await _get(it, f"/v2/runs/{again}"))["data"]["originalRunId"] == run_id


async def test_a_run_is_run_again_from_one_of_its_steps() -> None:
    client = new_client()

    async with lab(client, [_order(client)]) as it:
        _, run_id = await _send(it, count=3)
        calls = it.network.calls
        body = {"fromStep": {"stepId": "pack"}}
        again = (await _post(it, f"/v2/runs/{run_id}/rerun", body))["data"]["runId"]
        assert (await it.settle(again)).output == {"cost": 30}
        assert it.network.calls - calls == 2


async def test_only_the_runs_that_were_meant_are_cancelled_in_bulk() -> None:
    client = new_client()

    async with lab(client, [_order(client)]) as it:
        runs = [(await _send(it, count=count, waits=True))[1] for count in range(3)]
        await it.clock.advance(1)
        now = (await _get(it, "/v2/health"))["metadata"]["fetchedAt"]
        body = {"app_id": "lab", "function_id": "order", "started_before": now, "if": "event.data.count > 0"}
        assert (await _post(it, "/v1/cancellations", body))["cancelled_count"] == 2
        statuses = [(await _get(it, f"/v1/runs/{run_id}"))["data"]["status"] for run_id in runs]
        assert statuses == ["Running", "Cancelled", "Cancelled"]


async def test_a_function_of_the_app_is_found_and_invoked_once_a_key() -> None:
    client = new_client()

    async with lab(client, [_order(client)]) as it:
        (app,) = (await _get(it, "/v2/apps"))["data"]
        assert (app["id"], app["latestSync"]["sdkLanguage"]) == ("lab", "py")
        (function,) = (await _get(it, f"/v2/apps/{app['id']}/functions"))["data"]
        assert function["triggers"] == [{"type": "EVENT", "value": "shop/order"}]
        assert function["configuration"]["retries"] == {"value": 1, "isDefault": False}

        path = f"/v2/apps/{app['id']}/functions/{function['id']}/invoke"
        body = {"data": {"count": 2}, "idempotencyKey": "monday"}
        run_id = (await _post(it, path, body))["data"]["runId"]
        again = await it.api.post(path, json=body)
        assert (again.status_code, again.json()["data"]["runId"]) == (409, run_id)
        assert (await it.settle(run_id)).output == {"cost": 20}

        synced = await _post(it, f"/v2/apps/{app['id']}/syncs")
        assert synced["data"]["latestSync"]["status"] == "success"
