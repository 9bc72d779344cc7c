"""TypeScript apps, Stepcue and an assistant's MCP client, all real processes on the real clock."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.node import APPS, node_app, packages, register
from support.processes import REPOSITORY, Stepcue, stepcue
from support.typescript import VERSIONS

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

EXAMPLE = REPOSITORY / "examples" / "typescript_app"
ITEMS = [{"sku": "mug", "price": 12, "quantity": 2}]


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stepcue]:
    """Stepcue with the sample app, which borrows the packages of the version 4 tests."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copy(EXAMPLE / "app.mjs", folder)
    shutil.copy(EXAMPLE / "package.json", folder)
    (folder / "node_modules").symlink_to(packages(APPS / "v4"), target_is_directory=True)
    async with stepcue(folder, "--no-poll") as server, node_app(folder, server.origin) as origin:
        await register(f"{origin}/api/inngest")
        yield server


@dataclass(frozen=True)
class Served:
    """Stepcue, and the origin of the app it serves."""

    stepcue: Stepcue
    origin: str

    async def finish(self, event: str, **data: Any) -> dict[str, Any]:
        """Send an event that starts one run; return the run once it has ended."""
        sent = await self.stepcue.call("send_event", name=event, data=data, wait=30)
        (run_id,) = sent["runIds"]
        return await self.stepcue.call("get_run_status", runId=run_id)

    async def ran(self, run_id: str) -> list[str]:
        """Return which step bodies of this run ran in the app."""
        async with httpx.AsyncClient(trust_env=False) as http:
            return list((await http.get(f"{self.origin}/journal/{run_id}")).json()["ran"])


@pytest.fixture(scope="module", params=VERSIONS)
async def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """Stepcue, synced with the test app of each major version of the SDK."""
    app = APPS / request.param
    packages(app)
    folder = tmp_path_factory.mktemp(request.param)
    async with stepcue(folder, "--no-poll") as server, node_app(app, server.origin) as origin:
        await register(f"{origin}/api/inngest")
        yield Served(server, origin)


def test_the_sample_app_locks_the_packages_that_the_tests_run() -> None:
    mine, theirs = (
        json.loads((folder / "package-lock.json").read_bytes()) for folder in (EXAMPLE, APPS / "v4")
    )
    for lock in (mine, theirs):
        del lock["name"]
        del lock["packages"][""]["name"]
    assert mine == theirs


async def test_an_assistant_sees_the_functions_of_the_sample_app(shop: Stepcue) -> None:
    listed = await shop.call("list_functions")

    assert {function["id"] for function in listed["functions"]} == {
        "shop-process-order",
        "shop-onboard-user",
        "shop-import-invoices",
    }
    assert {function["name"] for function in listed["functions"]} == {
        "Process order",
        "Onboard user",
        "Import invoices",
    }


async def test_an_order_of_the_sample_app_shows_every_step(shop: Stepcue) -> None:
    data = {"orderId": "A1", "items": ITEMS}
    sent = await shop.call("send_event", name="shop/order.created", data=data, wait=20)
    status = await shop.call("get_run_status", runId=sent["runIds"][0])

    assert status["status"] == "COMPLETED"
    assert status["output"] == {"orderId": "A1", "charged": 24, "tracking": "trk-A1"}
    names = [step["stepName"] for step in status["steps"]]
    assert names == ["reserve-stock", "charge-card", "create-shipment", "send-confirmation"]
    assert all(step["status"] == "COMPLETED" and step["endedAt"] for step in status["steps"])


async def test_a_function_of_the_sample_app_can_be_invoked(shop: Stepcue) -> None:
    data = {"orderId": "B2", "items": []}
    invoked = await shop.call("invoke_function", functionId="process-order", data=data)
    assert (invoked["status"], invoked["output"]["charged"]) == ("COMPLETED", 0)


async def test_a_signup_of_the_sample_app_waits_for_its_event(shop: Stepcue) -> None:
    sent = await shop.call("send_event", name="app/user.signup", data={"userId": "u1"}, wait=4)
    (run_id,) = sent["runIds"]
    status = await shop.call("get_run_status", runId=run_id)
    (waiting,) = [step for step in status["steps"] if step["status"] == "WAITING"]
    assert waiting["waitingFor"]["eventName"] == "app/project.created"

    matching = {"userId": "u1", "name": "first"}
    woke = await shop.call("send_event", name="app/project.created", data=matching, wait=10)
    assert woke["resumed"] == [run_id]
    status = await shop.call("get_run_status", runId=run_id)
    assert status["output"] == {"userId": "u1", "activated": True, "project": "first"}


async def test_a_failure_of_the_sample_app_says_why_and_where(shop: Stepcue) -> None:
    source = {"source": "invoices.pdf"}
    sent = await shop.call("send_event", name="billing/import.requested", data=source, wait=10)
    status = await shop.call("get_run_status", runId=sent["runIds"][0])

    assert status["status"] == "FAILED"
    assert "not a .csv file" in status["error"]["message"]
    assert [step["status"] for step in status["steps"]] == ["COMPLETED", "FAILED"]


async def test_a_run_sleeps_and_goes_on_in_real_time(served: Served) -> None:
    run = await served.finish("ts/sleep", time="1s")
    assert (run["status"], run["output"]) == ("COMPLETED", "after")


async def test_a_step_is_tried_again_in_real_time(served: Served) -> None:
    run = await served.finish("ts/retry-after", ms=1_000)

    assert (run["status"], run["output"]) == ("COMPLETED", "ok")
    assert run["steps"][0]["attempts"] == 2
    assert await served.ran(run["runId"]) == ["fetch", "fetch"]


async def test_parallel_steps_run_once_each_in_real_time(served: Served) -> None:
    run = await served.finish("ts/nested")

    assert run["status"] == "COMPLETED"
    ran = await served.ran(run["runId"])
    assert len(ran) == len(set(ran)) == 10


async def test_a_function_invokes_another_in_real_time(served: Served) -> None:
    run = await served.finish("ts/invoke", data={"n": 4})
    assert run["output"] == {"doubled": 8, "event": "inngest/function.invoked"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_app_in_cloud_mode_works_with_signed_calls_both_ways(tmp_path: Path, version: str) -> None:
    app, key = APPS / version, "signkey-test-" + "ab" * 32
    packages(app)
    keys = {"INNGEST_DEV": "0", "INNGEST_SIGNING_KEY": key, "INNGEST_EVENT_KEY": "any"}
    async with (
        stepcue(tmp_path, "--no-poll", "--signing-key", key) as server,
        node_app(app, server.origin, **keys) as origin,
    ):
        await register(f"{origin}/api/inngest")
        async with httpx.AsyncClient(trust_env=False) as http:
            unsigned = await http.post(f"{origin}/api/inngest?fnId=ts-none&stepId=step", json={})
        assert unsigned.status_code == 401
        served = Served(server, origin)
        assert (await served.finish("ts/values", text="é \u2028", n=1e21))["status"] == "COMPLETED"
        assert (await served.finish("ts/together"))["output"] == ["a", "b", "c", "after"]
        assert (await served.finish("ts/large"))["output"] == [2 * 1024 * 1024] * 3
        refused = await served.finish("ts/no-retries")
        assert (refused["status"], refused["error"]["message"]) == ("FAILED", "declined")


async def test_an_app_that_restarts_goes_on_with_its_runs(tmp_path: Path) -> None:
    app = APPS / "v4"
    packages(app)
    async with stepcue(tmp_path, "--no-poll") as server:
        async with node_app(app, server.origin) as origin:
            await register(f"{origin}/api/inngest")
            sent = await server.call(
                "send_event", name="ts/wait", data={"options": {"timeout": "1h"}}, wait=5
            )
            assert sent["runs"][0]["status"] == "RUNNING"
        async with node_app(app, server.origin) as origin:
            await register(f"{origin}/api/inngest")
            woke = await server.call("send_event", name="ts/approved", data={"n": 1}, wait=20)
            status = await server.call("get_run_status", runId=sent["runIds"][0])

    assert woke["resumed"] == sent["runIds"]
    assert status["output"]["data"] == {"n": 1}
