"""The doctor of a session on a server elsewhere: what that server is, takes and has, each with the fix."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
from mcp import Client
from support.remote_server import FAR, ORIGIN, PassingClock, dev_server, refusal, target, v2
from support.shipped_docs import shipped_docs

from mcp_server.config import ServerConfig
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.errors import RemoteError
from mcp_server.remote_server import build_remote_server

pytestmark = pytest.mark.anyio

KEY, OTHER, BRANCH = "signkey-prod-ab12", "signkey-prod-cd34", "signkey-branch-ab12"
SHOP = {"id": "shop", "name": "shop", "latestSync": {"url": "http://shop:3000/api/inngest"}}
PAY = {"id": "pay", "name": "Pay", "triggers": [{"type": "EVENT", "value": "shop/paid"}]}


def a_server(*apps, functions=(PAY,), **routes):
    lists = {f"GET /v2/apps/{app['id']}/functions": v2(list(functions)) for app in apps}
    return dev_server(**{"GET /v2/apps": v2(list(apps)), **lists, **routes})


NO_DEV = {"GET /dev": None}


async def examined(scripted, engine=ORIGIN, app_url=None, config=None, **options):
    """Return the answer of the doctor, and its checks by id."""
    opened = RemoteBackend.open(target(engine, **options), clock=PassingClock(), transport=scripted)
    async with opened as backend:
        with suppress(RemoteError):  # the server is asked once at the start of a session
            await backend.api.known()
        given = ServerConfig(is_remote=True, engine_url=engine, **(config or {}))
        async with Client(build_remote_server(backend, shipped_docs(), config=given)) as client:
            result = await client.call_tool("doctor", {"appUrl": app_url} if app_url else {})
    assert not result.is_error, result.content
    found = result.structured_content
    return found, {check["id"]: check for check in found["checks"]}


async def test_a_server_that_is_well_is_described():
    found, checks = await examined(a_server(SHOP))

    assert (found["healthy"], found["problems"], found["warnings"]) == (True, 0, 0)
    assert "Inngest Dev Server 1.12.0 answers at http://127.0.0.1:8288" in checks["server"]["found"]
    assert checks["api"]["found"] == "The server has API v2 (at /v2) and API v1."
    assert "asks for none" in checks["signing-key"]["found"]
    assert checks["writes"]["status"] == "ok"
    assert checks["app-synced"]["found"] == "App 'shop' is synced with 1 function."
    assert found["environment"].startswith("Inngest Dev Server at")
    assert "event-key" not in checks


@pytest.mark.parametrize(
    ("scripted", "check", "status", "words", "fix"),
    [
        (a_server(), "apps", "problem", "No app is synced", "check the environment (--env)"),
        (
            a_server({**SHOP, "latestSync": {"status": "error", "error": {"message": "no handler"}}}),
            "app-synced",
            "problem",
            "failed: no handler",
            "sync it again",
        ),
        (
            a_server({**SHOP, "latestSync": {"status": "FAILED"}}),
            "app-synced",
            "problem",
            "the server does not say why",
            "sync it again",
        ),
        (a_server(SHOP, functions=()), "app-functions", "warning", "no function of it", "serve()"),
        (
            a_server(SHOP, functions=[{**PAY, "isPaused": True}]),
            "paused",
            "warning",
            "'shop-pay' is paused",
            "Resume",
        ),
        (
            a_server(SHOP, **{"GET /v1/events": None}),
            "api",
            "warning",
            "no API v1: events cannot be listed",
            "list_runs",
        ),
        (
            dev_server(**{"GET /v2/runs": None, "GET /v2/apps": None}),
            "api",
            "warning",
            "no API v2",
            "newer Inngest server",
        ),
        (
            dev_server(**{"GET /v2/runs": httpx.ConnectError("refused")}),
            "server",
            "problem",
            "Nobody answers at",
            "Check that the server runs",
        ),
        (
            dev_server(**{"GET /v2/runs": refusal(401, "unauthorized", "bad key")}),
            "signing-key",
            "problem",
            "does not take the signing key",
            "INNGEST_SIGNING_KEY",
        ),
    ],
)
async def test_what_is_wrong_is_said_with_its_fix(scripted, check, status, words, fix):
    found, checks = await examined(scripted)

    assert (checks[check]["status"], found["healthy"]) == (status, status != "problem")
    assert words in checks[check]["found"]
    assert fix in checks[check]["fix"]
    assert "pause_function" not in str(found)


async def test_a_route_that_fails_or_refuses_this_key_does_not_hide_the_others():
    for reply in (httpx.Response(500, text="oops"), refusal(403, "forbidden", "not yours")):
        found, checks = await examined(a_server(SHOP, **{"GET /v1/events": reply}))
        assert (found["healthy"], checks["app-synced"]["status"]) == (True, "ok")


async def test_keys_and_writes_on_a_server_that_is_none_for_development():
    _, plain = await examined(a_server(SHOP, **NO_DEV), FAR, signing_key=KEY)
    allowed = {"allows_writes": True, "event_key": "k-1234"}
    found, writing = await examined(a_server(SHOP, **NO_DEV), FAR, signing_key=KEY, **allowed)
    _, tunnel = await examined(a_server(SHOP, **NO_DEV))
    _, far = await examined(a_server(SHOP), FAR)

    assert plain["signing-key"]["found"] == "The server takes the signing key."
    assert "events cannot be sent" in plain["event-key"]["found"]
    assert plain["writes"]["status"] == "skipped"
    assert "it is no server for development" in plain["writes"]["found"]
    assert "--allow-writes" in plain["writes"]["found"]
    assert (writing["writes"]["status"], found["warnings"]) == ("warning", 1)
    assert "only sending an event shows" in writing["event-key"]["found"]
    assert tunnel["writes"]["status"] == "skipped"
    assert "it is not on this machine" in far["writes"]["found"]
    assert "k-1234" not in str(found)


async def test_a_key_that_only_the_fallback_stands_in_for_is_told():
    taken = accepted_bearer(OTHER)

    def answer(request):
        if request.headers.get("authorization") == taken:
            return v2([], hasMore=False)
        return refusal(401, "unauthorized", "no")

    routes = {f"GET /v2/{name}": answer for name in ("runs", "apps", "health")} | {"GET /v1/events": answer}
    _, checks = await examined(dev_server(**routes), FAR, signing_key=KEY, fallback_key=OTHER)

    assert checks["signing-key"]["status"] == "warning"
    assert "takes the fallback key" in checks["signing-key"]["found"]


def accepted_bearer(key):
    return f"Bearer {target(FAR, signing_key=key).signing_key.bearer.get_secret_value()}"


async def test_a_key_for_branches_asks_for_the_name_of_one():
    _, without = await examined(a_server(SHOP, **NO_DEV), FAR, signing_key=BRANCH)
    _, named = await examined(a_server(SHOP, **NO_DEV), FAR, signing_key=BRANCH, env="feature/x")

    assert "--env" in without["environment"]["fix"]
    assert "'feature/x'" in named["server"]["found"]


async def test_an_app_that_is_asked_for_comes_first_or_is_missing():
    other = {**SHOP, "id": "other", "latestSync": {"url": "http://other:1/x"}}
    apps = a_server(other, SHOP)
    found, _ = await examined(apps, app_url="http://shop:3000/api/inngest")
    missing, checks = await examined(apps, app_url="http://nowhere:1/x")

    synced = [check["app"] for check in found["checks"] if check["id"] == "app-synced"]
    assert synced[0] == "http://shop:3000/api/inngest"
    assert not missing["healthy"]
    assert "No app is synced from http://nowhere:1/x." in str(checks.values()) + missing["message"]
