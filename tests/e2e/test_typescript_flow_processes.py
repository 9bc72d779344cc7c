"""TypeScript: flow control in real time, with Stepcue and the app as real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from support.gate import Gate
from support.node import APPS, node_app, packages, register
from support.processes import Stepcue, stepcue
from support.typescript import VERSIONS

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=VERSIONS)
async def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stepcue]:
    """Stepcue, synced with the functions that have flow control."""
    app = APPS / request.param
    packages(app)
    folder: Path = tmp_path_factory.mktemp(request.param)
    async with stepcue(folder, "--no-poll") as running, node_app(app, running.origin) as origin:
        await register(f"{origin}/api/flow")
        yield running


async def test_a_debounced_run_starts_by_itself_in_real_time(server: Stepcue, flow_gate: Gate) -> None:
    events = [
        {"name": "flow/brief-debounce", "data": {"name": f"event-{n}", "gate": flow_gate.origin}}
        for n in (1, 2)
    ]
    async with httpx.AsyncClient(base_url=server.origin, trust_env=False) as http:
        # In one request, so that no machine is slow enough to debounce them apart.
        sent = (await http.post("/e/any", json=events)).json()
        # The run says by itself that it has begun, and with which event.
        assert await flow_gate.somebody() == ["event-2"]
        (run,) = (await http.get(f"/v1/events/{sent['ids'][1]}/runs")).json()["data"]
    await flow_gate.open()
    polled = await server.call("poll_run_status", runIds=[run["run_id"]], timeout=30)
    assert [(run["status"], run["output"]) for run in polled["runs"]] == [("COMPLETED", "event-2")]


async def test_a_throttled_run_starts_later_in_real_time(server: Stepcue) -> None:
    sent = [
        await server.call("send_event", name="flow/brief-throttle", data={"name": str(n)}) for n in (1, 2)
    ]
    run_ids = [run_id for answer in sent for run_id in answer["runIds"]]
    polled = await server.call("poll_run_status", runIds=run_ids, timeout=30)

    assert [run["status"] for run in polled["runs"]] == ["COMPLETED", "COMPLETED"]
    assert [run["output"] for run in polled["runs"]] == ["1", "2"]
