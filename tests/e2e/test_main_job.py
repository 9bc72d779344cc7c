"""The main job on real processes: an unmodified app, the engine, an assistant's MCP client."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from support.processes import REPOSITORY, Stepcue, call, sdk_app, stepcue

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"
ITEMS = [{"sku": "mug", "price": 12, "quantity": 2}]


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stepcue]:
    """Stepcue with the sample app, both real processes."""
    folder = tmp_path_factory.mktemp("shop")
    async with stepcue(folder, "--no-poll") as running, sdk_app("app", running.origin, SAMPLE):
        yield running


@pytest.fixture(params=["auto", "legacy", "stdio-attached"])
async def client(server: Stepcue, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """An MCP client in each protocol era over HTTP, and over stdio attached to the server."""
    if request.param != "stdio-attached":
        async with Client(server.mcp_url, mode=request.param) as over_http:
            yield over_http
        return
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "mcp_server", "mcp", "--port", str(server.port)]
    )
    async with Client(stdio_client(command)) as over_stdio:
        yield over_stdio


async def test_an_assistant_can_trigger_watch_and_debug_the_sample_app(client: Client) -> None:
    await _order(client)
    await _signup(client)
    await _failure(client)
    await _looking_back(client)


async def _order(client: Client) -> None:
    listed = await call(client, "list_functions")
    ids = {function["id"] for function in listed["functions"]}
    assert ids == {"shop-process-order", "shop-onboard-user", "shop-import-invoices"}

    sent = await call(client, "send_event", name="shop/order.created", data={"orderId": "A1", "items": ITEMS})
    (run_id,) = sent["runIds"]
    polled = await call(client, "poll_run_status", runIds=[run_id])
    assert (polled["completed"], polled["running"]) == (1, 0)

    status = await call(client, "get_run_status", runId=run_id)
    assert status["status"] == "COMPLETED"
    assert status["output"]["charged"] == 24
    names = [step["stepName"] for step in status["steps"]]
    assert names == ["reserve-stock", "charge-card", "create-shipment", "send-confirmation"]
    assert all(step["status"] == "COMPLETED" and step["endedAt"] for step in status["steps"])

    invoked = await call(
        client, "invoke_function", functionId="process-order", data={"orderId": "B2", "items": []}
    )
    assert (invoked["status"], invoked["output"]["charged"]) == ("COMPLETED", 0)


async def _signup(client: Client) -> None:
    sent = await call(client, "send_event", name="app/user.signup", data={"userId": "u1"}, wait=5)
    (run,) = sent["runs"]
    status = await call(client, "get_run_status", runId=run["runId"])
    (waiting,) = [step for step in status["steps"] if step["status"] == "WAITING"]
    assert waiting["waitingFor"]["eventName"] == "app/project.created"

    other = await call(client, "send_event", name="app/project.created", data={"userId": "u2", "name": "x"})
    assert "resumed" not in other
    matching = {"userId": "u1", "name": "first"}
    woke = await call(client, "send_event", name="app/project.created", data=matching, wait=10)
    assert woke["resumed"] == [run["runId"]]
    status = await call(client, "get_run_status", runId=run["runId"])
    assert status["output"] == {"userId": "u1", "activated": True, "project": "first"}


async def _failure(client: Client) -> None:
    source = {"source": "invoices.pdf"}
    sent = await call(client, "send_event", name="billing/import.requested", data=source, wait=10)
    assert sent["runs"][0]["status"] == "FAILED"
    status = await call(client, "get_run_status", runId=sent["runIds"][0])
    assert "not a .csv file" in status["error"]["message"]

    nothing = await call(client, "send_event", name="shop/order.creatd", data={})
    assert nothing["runIds"] == []
    assert nothing["nearestTriggers"][0] == "shop/order.created"


async def _looking_back(client: Client) -> None:
    failed = await call(client, "list_runs", status="FAILED", functionId="import-invoices", limit=1)
    assert "not a .csv file" in failed["runs"][0]["error"]
    (event,) = (await call(client, "list_events", name="shop/order.creatd", limit=1))["events"]
    assert (event["sentBy"], event["nothingBecause"]) == (
        "tool or test of Stepcue",
        "no function listens to this name",
    )

    sent = await call(client, "send_event", name="app/user.signup", data={"userId": "u9"})
    # An older name of the same tool, spelled as other servers do.
    waiting = await call(client, "getRuns", eventId=sent["eventId"])
    assert [run["runId"] for run in waiting["runs"]] == sent["runIds"]
    assert waiting["runs"][0]["waitsFor"]
    cancelled = await call(client, "cancel_run", runId=sent["runIds"][0])
    assert cancelled["status"] == "CANCELLED"
    (newest,) = (await call(client, "list_runs", limit=1))["runs"]
    assert (newest["runId"], newest["cancelled"]) == (sent["runIds"][0], "Cancelled by request.")


async def test_the_docs_tools_answer(client: Client) -> None:
    found = await call(client, "search_docs", query="wait for an event with a timeout", sdk="python")
    assert any("wait-for-event" in hit["path"] for hit in found["results"])
    grepped = await call(client, "grep_docs", pattern=r"step\.run")
    assert grepped["count"] > 0
    read = await call(client, "read_doc", path=found["results"][0]["path"])
    assert read["content"].startswith("#")
    listed = await call(client, "list_docs")
    assert listed["totalDocs"] >= 20


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("get_run_status", {"runId": "01M7YWPH29KN5921NDS4AZWVCN"}, "No run"),
        ("invoke_function", {"functionId": "proces-order"}, "shop-process-order"),
        ("invoke_function", {"functionId": "process-order", "appId": "shp"}, "shop"),
        ("send_event", {"name": "a", "dta": {}}, "data"),
        ("send_event", {"name": "a", "data": "text"}, "data"),
        ("send_event", {"name": "inngest/x"}, "reserved"),
        ("poll_run_status", {"runIds": ["nope"]}, "nope"),
        ("poll_run_status", {"runIds": ["nope"], "timeout": 3600}, "55"),
        ("read_doc", {"path": "steps/wait-for-evnt"}, "steps/wait-for-event"),
        ("grep_docs", {"pattern": "(unclosed"}, "("),
        ("get_run_stats", {"runId": "x"}, "get_run_status"),
    ],
)
async def test_bad_calls_are_answered_with_what_to_do(
    server: Stepcue, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async with Client(server.mcp_url) as client:
        result = await client.call_tool(tool, arguments)

        text = " ".join(getattr(block, "text", "") for block in result.content)
        assert result.is_error
        assert words in text
        assert "Traceback" not in text


async def test_an_app_that_is_down_shows_in_the_run_and_harms_nothing_else(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll") as server:
        async with sdk_app("app", server.origin, SAMPLE):
            assert (await server.call("list_functions"))["functions"]
        sent = await server.call("send_event", name="shop/order.created", data={"orderId": "1"}, wait=5)
        status = await server.call("get_run_status", runId=sent["runIds"][0])

        assert status["status"] == "RUNNING"
        assert "Unable to reach the app" in str(status["failures"])
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{server.origin}/health")).status_code == 200


async def test_runs_and_functions_are_there_after_a_clean_restart(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll") as server, sdk_app("app", server.origin, SAMPLE):
        sent = await server.call("send_event", name="shop/order.created", data={"orderId": "1"}, wait=20)
        assert await server.process.terminate() == 0

        again = await Stepcue.start(tmp_path, "--no-poll", port=server.port)
        try:
            status = await again.call("get_run_status", runId=sent["runIds"][0])
            listed = await again.call("list_functions")
        finally:
            await again.process.kill()

    assert status["status"] == "COMPLETED"
    assert len(listed["functions"]) == 3
