"""Which requests need the signing key, and what those without it are told."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from scripted_app import App, registration
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from durable_engine import Engine, EngineConfig, ManualClock, build_app
from durable_engine.sdk.client import SDKClient

pytestmark = pytest.mark.anyio

HEX = "ab12" * 16
KEY = f"signkey-test-{HEX}"
HASH = hashlib.sha256(bytes.fromhex(HEX)).hexdigest()
GUARDED = [
    ("POST", "/fn/register"),
    ("DELETE", "/fn/remove?url=http://x"),
    ("GET", "/v0/runs/nobody/actions"),
    ("POST", "/v0/connect/start"),
    ("POST", "/v1/realtime/token"),
    ("GET", "/v1/nothing"),
    ("GET", "/v2/nothing"),
    ("GET", "/api/v2/nothing"),
    ("POST", "/stepcue/v1/test"),
]
OPEN = [
    ("GET", "/health"),
    ("GET", "/dev"),
    ("POST", "/dev/traces"),
    ("POST", "/e/any-key"),
    ("POST", "/invoke/lab-job"),
    ("POST", "/mcp"),
    ("GET", "/"),
]


async def _ok(_: Request) -> JSONResponse:
    return JSONResponse({})


@asynccontextmanager
async def _api(signing_key: str | None = KEY) -> AsyncIterator[httpx.AsyncClient]:
    config = EngineConfig(signing_key=signing_key)
    async with await Engine.open(config, clock=ManualClock(), client=SDKClient(App())) as engine:
        await engine.register_app(registration("job"))
        app = build_app(engine, more_routes=[Route("/mcp", _ok, methods=["POST"]), Route("/", _ok)])
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8288"
        ) as api:
            yield api


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "has no bearer token"),
        ({"authorization": "Bearer undefined"}, "has no bearer token"),
        ({"authorization": "Bearer "}, "has no bearer token"),
        ({"authorization": f"Basic {HASH}"}, "belongs to another one"),
        ({"authorization": f"Bearer {'0' * 64}"}, "belongs to another one"),
        ({"authorization": f"Bearer {HASH}é".encode()}, "belongs to another one"),
    ],
)
async def test_a_guarded_path_without_the_key_is_refused_with_what_to_do(
    method: str, path: str, headers: dict[str, str], words: str
) -> None:
    async with _api() as api:
        response = await api.request(method, path, headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["x-inngest-server-kind"] == "cloud"
    body = response.json()
    assert body["status"] == 401  # the TypeScript SDK reads it from the body
    assert words in body["error"]
    assert path.partition("?")[0] in body["error"]
    assert "INNGEST_SIGNING_KEY" in body["error"]
    assert HEX not in response.text
    assert HASH not in response.text


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("token", [HASH, f"signkey-test-{HASH}", f"signkey-prod-{HASH}", KEY])
async def test_the_hash_of_the_key_opens_it_with_a_prefix_and_without(
    method: str, path: str, token: str
) -> None:
    async with _api() as api:
        response = await api.request(method, path, headers={"Authorization": f"bearer {token}"})

    assert response.status_code != 401


@pytest.mark.parametrize(("method", "path"), OPEN)
async def test_other_paths_need_no_key(method: str, path: str) -> None:
    async with _api() as api:
        response = await api.request(method, path, json={"name": "a/b"} if method == "POST" else None)

    assert response.status_code == 200


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("token", [None, "", "undefined", HASH])
async def test_without_a_key_any_bearer_is_accepted(method: str, path: str, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with _api(signing_key=None) as api:
        response = await api.request(method, path, headers=headers)

    assert response.status_code != 401
    assert response.headers["x-inngest-server-kind"] == "dev"


@pytest.mark.parametrize(
    ("signing_key", "kind", "status"),
    [
        (KEY, "cloud", 200),
        (KEY, "dev", 200),
        (KEY, None, 200),
        (None, "dev", 200),
        (None, None, 200),
        (None, "cloud", 400),
        (None, "x" * 10_000, 400),
    ],
)
async def test_an_app_may_expect_a_cloud_server_only_when_there_is_a_key(
    signing_key: str | None, kind: str | None, status: int
) -> None:
    headers = {"Authorization": f"Bearer {HASH}"}
    headers |= {} if kind is None else {"X-Inngest-Expected-Server-Kind": kind}
    async with _api(signing_key) as api:
        response = await api.post("/fn/register", json=registration("job"), headers=headers)

    assert response.status_code == status
    if status == 400:
        assert response.json()["status"] == 400
        assert "--signing-key" in response.json()["error"]
        assert len(response.text) < 500


async def test_the_probe_says_whether_a_key_is_asked_for() -> None:
    async with _api() as api:
        assert (await api.get("/dev")).json()["authed"] is True
    async with _api(signing_key=None) as api:
        assert (await api.get("/dev")).json()["authed"] is False
