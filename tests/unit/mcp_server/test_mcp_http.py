"""MCP over HTTP, mounted beside other routes."""

import json

import anyio
import httpx
import pytest
from mcp_listening import listening, mounted
from mcp_scripted import RUN_ID, a_run, connected
from support.handshake import INITIALIZE

from mcp_server.http import mount_mcp

pytestmark = pytest.mark.anyio
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def server(new_server):
    return new_server(progress_interval_s=0.001)


async def post(server, *, headers=None, **allowed):
    app = mounted(server, **allowed)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8288") as client:
            return await client.post("/mcp", json=INITIALIZE, headers={**ACCEPT, **(headers or {})})


async def get(server, path="/mcp", *, headers=None, **allowed):
    app = mounted(server, **allowed)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8288") as client:
            return await client.get(path, headers=headers or {})


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8288", "127.0.0.1", "127.0.0.1:8288", "[::1]", "[::1]:8288", "localhost:1"],
)
async def test_loopback_hosts_are_answered(server, host):
    response = await post(server, headers={"Host": host})

    assert response.status_code == 200
    assert "stepcue" in response.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8288", "host.docker.internal:8288", "192.168.1.7:8288"]
)
async def test_other_hosts_are_refused(server, host):
    response = await post(server, headers={"Host": host})

    assert response.status_code == 421


@pytest.mark.parametrize("host", ["host.docker.internal", "host.docker.internal:8288", "stepcue:9000"])
async def test_named_hosts_are_answered(server, host):
    response = await post(
        server, headers={"Host": host}, allowed_hosts=["host.docker.internal", "stepcue:9000"]
    )

    assert response.status_code == 200


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:1"])
async def test_loopback_origins_are_answered(server, origin):
    response = await post(server, headers={"Origin": origin})

    assert response.status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
async def test_other_origins_are_refused(server, origin):
    response = await post(server, headers={"Origin": origin})

    assert response.status_code == 403


async def test_named_origins_are_answered(server):
    headers = {"Origin": "https://tools.example"}
    response = await post(server, headers=headers, allowed_origins=["https://tools.example"])

    assert response.status_code == 200


async def test_routes_beside_it_still_work(server):
    response = await get(server, "/health")

    assert response.text == "OK"


async def test_a_browser_is_shown_how_to_connect(server):
    response = await get(server, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "claude mcp add --transport http stepcue http://localhost:8288/mcp" in response.text
    assert "send_event" in response.text
    assert "'unsafe" not in response.headers["content-security-policy"]


async def test_the_page_obeys_the_host_rule_and_escapes_the_address(server):
    headers = {"Accept": "text/html"}

    refused = await get(server, headers={**headers, "Host": "evil.example"})
    shown = await get(server, "/mcp?<script>alert(1)</script>", headers=headers)

    assert refused.status_code == 421
    assert "alert(1)" not in shown.text


async def test_a_get_of_an_mcp_client_is_left_to_the_protocol(server):
    response = await get(server, headers={"Accept": "application/json"})

    assert response.status_code >= 400
    assert "html" not in response.headers["content-type"]


async def test_the_page_is_offered_once_per_mount(server):
    mount = mount_mcp(server)

    assert [route.path for route in mount.routes] == ["/mcp", "/mcp/"]


async def test_a_call_streams_progress_over_http(server, backend, era):
    backend.holds_waits = True
    backend.runs[RUN_ID] = a_run()
    seen = []

    async def on_progress(progress, total, message):
        seen.append(progress)
        if len(seen) == 2:
            backend.release.set()

    with anyio.fail_after(60):
        async with listening(server) as url, connected(url, era) as client:
            result = await client.call_tool(
                "poll_run_status", {"runIds": [RUN_ID]}, progress_callback=on_progress
            )

    assert len(seen) >= 2
    assert json.loads(json.dumps(result.structured_content))["completed"] == 1


async def test_giving_up_over_http_ends_the_wait(server, backend, era):
    backend.holds_waits = True

    with anyio.fail_after(60):
        async with (
            listening(server) as url,
            connected(url, era) as client,
            anyio.create_task_group() as calls,
        ):
            calls.start_soon(client.call_tool, "poll_run_status", {"runIds": [RUN_ID]})
            await backend.waiting.wait()
            calls.cancel_scope.cancel()
        await backend.wait_was_cancelled.wait()

    assert backend.wait_was_cancelled.is_set()
