"""Every test control on the sample apps, through an MCP client: all of them real processes."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client
from support.node import APPS, node_app, packages, register
from support.processes import REPOSITORY, Stepcue, call, sdk_app, stepcue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

EXAMPLES = REPOSITORY / "examples"
ITEMS = [{"sku": "mug", "price": 12, "quantity": 2}]
ORDER = {"orderId": "A1", "items": ITEMS}


@pytest.fixture(scope="module", params=["python", "typescript"])
async def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stepcue]:
    """Stepcue with one of the sample apps."""
    folder = tmp_path_factory.mktemp("shop")
    async with stepcue(folder, "--no-poll") as running:
        if request.param == "python":
            async with sdk_app("app", running.origin, EXAMPLES / "python_app"):
                yield running
            return
        for name in ("app.mjs", "package.json"):
            shutil.copy(EXAMPLES / "typescript_app" / name, folder)
        (folder / "node_modules").symlink_to(packages(APPS / "v4"), target_is_directory=True)
        async with node_app(folder, running.origin) as origin:
            await register(f"{origin}/api/inngest")
            yield running


@pytest.fixture
async def client(server: Stepcue) -> AsyncIterator[Client]:
    """The assistant's client."""
    async with Client(server.mcp_url) as opened:
        yield opened


async def _order(client: Client, **more: Any) -> dict[str, Any]:
    return await call(client, "test_function", event="shop/order.created", data=ORDER, **more)


async def test_both_paths_of_the_onboarding_are_tested_without_waiting(client: Client) -> None:
    signup = {"event": "app/user.signup", "data": {"userId": "u1"}}
    mocks = [{"stepId": "send-welcome", "result": "mocked"}, {"stepId": "send-reminder", "result": "mocked"}]
    reminded = await call(
        client,
        "test_function",
        **signup,
        mocks=mocks,
        expect={
            "output": {"userId": "u1", "activated": False},
            "ran": ["send-reminder"],
            "steps": {"wait-for-first-project": {"timedOut": True}},
        },
    )
    assert reminded["passed"], reminded["message"]
    assert reminded["virtualDuration"].startswith("3d")

    activated = await call(
        client,
        "test_function",
        **signup,
        mocks=mocks,
        events=[{"name": "app/project.created", "data": {"userId": "u1", "name": "first"}, "after": "1d"}],
        expect={
            "output": {"userId": "u1", "activated": True, "project": "first"},
            "notRan": ["send-reminder"],
        },
    )
    assert activated["passed"], activated["message"]
    assert "result for step 'send-welcome'" in activated["mocked"]


async def test_a_wait_is_explained_and_skipped(client: Client) -> None:
    await call(client, "send_event", name="app/project.created", data={"userId": "x", "name": "earlier"})
    sent = await call(client, "send_event", name="app/user.signup", data={"userId": "u2"})
    (run_id,) = sent["runIds"]
    skipped = await call(client, "advance_time", runId=run_id)
    while "waits for an event" not in skipped["message"]:
        skipped = await call(client, "advance_time", runId=run_id)
    explained = await call(client, "explain", runId=run_id)
    assert explained["cause"] == "waiting-for-event"
    wrong = await call(client, "send_event", name="app/project.created", data={"userId": "x", "name": "n"})
    explained = await call(client, "explain", eventId=wrong["eventId"])
    assert run_id in explained["message"], explained["message"]
    ended = await call(client, "advance_time", runId=run_id, to="end")
    assert ended["status"] == "COMPLETED"


async def test_faults_are_survived_and_the_matrix_says_so(client: Client) -> None:
    tested = await _order(
        client,
        faults=[{"stepId": "charge-card", "kind": "reply_lost"}],
        expect={"steps": {"charge-card": {"attempts": 2, "output": {"chargeId": "ch-A1", "amount": 24}}}},
    )
    assert tested["passed"], tested["message"]
    matrix = await call(client, "run_fault_matrix", runId=tested["runId"], kinds=["reply_lost", "restart"])
    assert matrix["suspects"] == []
    assert {row["outcome"] for row in matrix["rows"]} == {"COMPLETED"}
    assert ["charge-card"] in [row.get("ranAgain") for row in matrix["rows"]]


async def test_a_standing_mock_is_seen_everywhere_and_cleared(client: Client) -> None:
    added = await call(
        client,
        "mock_step",
        functionId="process-order",
        stepId="charge-card",
        outcomes=[{"result": {"chargeId": "mocked", "amount": 1}}],
    )
    assert "charge-card" in str(added)
    invoked = await call(client, "invoke_function", functionId="process-order", data=ORDER)
    assert invoked["output"]["charged"] == 1
    listed = await call(client, "list_functions")
    (mocked,) = [entry for entry in listed["functions"] if entry.get("standingMocks")]
    assert mocked["id"] == "shop-process-order"
    cleared = await call(client, "clear_mocks", functionId="process-order")
    assert "charge-card" in str(cleared)
    invoked = await call(client, "invoke_function", functionId="process-order", data=ORDER)
    assert invoked["output"]["charged"] == 24


async def test_a_run_is_replayed_repeated_compared_and_covered(client: Client) -> None:
    first = await call(client, "invoke_function", functionId="process-order", data=ORDER)
    replayed = await call(client, "check_replay", runId=first["runId"])
    assert replayed["deterministic"] is True, replayed["message"]
    again = await call(
        client,
        "rerun",
        runId=first["runId"],
        fromStep="charge-card",
        output={"result": {"chargeId": "other", "amount": 3}},
        wait=20,
    )
    compared = await call(client, "compare_runs", runIdA=first["runId"], runIdB=again["runId"])
    assert "charge-card" in str(compared)
    covered = await call(client, "get_coverage", functionId="process-order")
    assert "create-shipment" in str(covered)


async def test_a_run_is_written_down_as_a_test_in_each_form(client: Client) -> None:
    tested = await _order(client, mocks=[{"stepId": "charge-card", "result": {"amount": 5}}])
    assert tested["passed"], tested["message"]
    for form in ("pytest", "vitest", "scenario"):
        written = await call(client, "export_test", runId=tested["runId"], format=form)
        assert "process-order" in str(written["code"])
        assert "charge-card" in str(written["code"])


async def test_fixes_are_tried_from_one_state_which_is_emptied_in_the_end(client: Client) -> None:
    sent = await call(client, "send_event", name="app/user.signup", data={"userId": "u9"})
    (run_id,) = sent["runIds"]
    taken = await call(client, "snapshot_engine", name="asleep")
    assert taken["saved"]
    for _ in range(2):
        ended = await call(client, "advance_time", runId=run_id, to="end")
        assert ended["status"] == "COMPLETED"
        restored = await call(client, "restore_engine", name="asleep")
        assert restored["done"]
        status = await call(client, "get_run_status", runId=run_id)
        assert status["status"] in {"QUEUED", "RUNNING"}
    emptied = await call(client, "reset_engine", keepSnapshots=False)
    assert emptied["done"]
    listed = await call(client, "list_functions")
    assert listed["count"] == 3
    gone = await client.call_tool("get_run_status", {"runId": run_id})
    assert gone.is_error
