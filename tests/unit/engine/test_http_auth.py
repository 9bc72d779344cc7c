"""Which requests need the signing key, and what those without it are told."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr
from scripted_app import App, registration
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from durable_engine import Engine, EngineConfig, ManualClock, build_app
from durable_engine.errors import ConfigError
from durable_engine.http_api.token import AccessToken
from durable_engine.sdk.client import SDKClient

pytestmark = pytest.mark.anyio

HEX = "ab12" * 16
KEY = f"signkey-test-{HEX}"
HASH = hashlib.sha256(bytes.fromhex(HEX)).hexdigest()
GUARDED = [
    ("POST", "/fn/register"),
    ("DELETE", "/fn/remove?url=http://x"),
    ("POST", "/invoke/lab-job"),
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
    ("POST", "/mcp"),
    ("GET", "/"),
]


async def _ok(_: Request) -> JSONResponse:
    return JSONResponse({})


@asynccontextmanager
async def _api(
    signing_key: str | None = KEY, token: AccessToken | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    config = EngineConfig(signing_key=signing_key)
    async with await Engine.open(config, clock=ManualClock(), client=SDKClient(App())) as engine:
        await engine.register_app(registration("job"))
        app = build_app(
            engine, more_routes=[Route("/mcp", _ok, methods=["POST"]), Route("/", _ok)], token=token
        )
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


TOKEN = "a-token.of_16~or+more"
NEEDS_TOKEN = [
    ("DELETE", "/fn/remove?url=http://x"),
    ("DELETE", "/v0/runs/nobody"),
    ("GET", "/v1/events"),
    ("GET", "/v1/runs/nobody/jobs"),
    ("GET", "/v1/checkpoints"),
    ("GET", "/v2/runs"),
    ("GET", "/api/v2/runs"),
    ("POST", "/stepcue/v1/test"),
    ("POST", "/invoke/lab-job"),
]
OF_APPS = [
    ("POST", "/fn/register"),
    ("GET", "/v0/runs/nobody/actions"),
    ("GET", "/v0/runs/nobody/batch"),
    ("POST", "/v0/connect/start"),
    ("POST", "/v1/checkpoint"),
    ("POST", "/v1/checkpoint/nobody/async"),
    ("POST", "/v1/checkpoint/nobody/steps"),
    ("POST", "/v1/http/runs/nobody/steps"),
    ("POST", "/v1/realtime/publish"),
    ("POST", "/v1/realtime/token"),
    ("POST", "/v1/runs/nobody/metadata"),
    ("POST", "/v1/signals"),
    ("POST", "/v1/traces/userland"),
    ("POST", "/dev/traces"),
    ("POST", "/e/any-key"),
]


async def _status(method: str, path: str, *, signing_key: str | None, bearer: str | None) -> int:
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    async with _api(signing_key, token=AccessToken(SecretStr(TOKEN))) as api:
        return (await api.request(method, path, headers=headers)).status_code


@pytest.mark.parametrize(("method", "path"), NEEDS_TOKEN)
async def test_what_no_app_calls_needs_the_token(method: str, path: str) -> None:
    for bearer in (None, "", HASH, TOKEN[:-1], f"{TOKEN}x", TOKEN.upper()):
        assert await _status(method, path, signing_key=None, bearer=bearer) == 401
    assert await _status(method, path, signing_key=None, bearer=TOKEN) != 401


@pytest.mark.parametrize(("method", "path"), OF_APPS)
async def test_what_apps_call_needs_no_token(method: str, path: str) -> None:
    assert await _status(method, path, signing_key=None, bearer=None) != 401
    assert await _status(method, path, signing_key=None, bearer="undefined") != 401


@pytest.mark.parametrize(
    ("method", "path", "opened_by"),
    [
        ("GET", "/v2/runs", {HASH, TOKEN}),
        ("POST", "/stepcue/v1/test", {HASH, TOKEN}),
        ("POST", "/fn/register", {HASH}),
        ("POST", "/v1/checkpoint/nobody/async", {HASH}),
        ("POST", "/invoke/lab-job", {HASH, TOKEN}),
        ("POST", "/e/any-key", {HASH, TOKEN, None}),
    ],
)
async def test_with_a_key_and_a_token_each_opens_what_it_is_for(
    method: str, path: str, opened_by: set[str | None]
) -> None:
    for bearer in (HASH, TOKEN, None):
        status = await _status(method, path, signing_key=KEY, bearer=bearer)
        assert (status != 401) is (bearer in opened_by), (bearer, status)


@pytest.mark.parametrize(
    "token",
    ["", "short", "x" * 15, "x" * 513, "with a blank in it", "ümlaut-in-the-token", "line\nline-line-line"],
)
def test_a_token_that_no_header_carries_or_that_is_guessed_is_refused_unseen(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AccessToken(SecretStr(token))

    assert "openssl rand" in caught.value.hint
    assert not token or token not in f"{caught.value}{caught.value.hint}"


async def test_the_log_of_a_fault_of_ours_names_the_route_and_not_the_key_in_its_path(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_: Request) -> JSONResponse:
        raise RuntimeError("a bug")

    async with await Engine.open(EngineConfig(), clock=ManualClock(), client=SDKClient(App())) as engine:
        app = build_app(engine, more_routes=[Route("/faulty/{key}", fail)])
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as api:
            answer = await api.get("/faulty/planted-key")

    assert answer.status_code == 500
    assert "/faulty/{key}" in caplog.text
    assert "planted" not in caplog.text


@pytest.mark.parametrize(("path", "bearer"), [("/v2/runs", HASH), ("/v2/runs", HEX), ("/v2/runs", TOKEN)])
async def test_keys_and_tokens_are_compared_by_what_takes_as_long_for_any_wrong_one(
    monkeypatch: pytest.MonkeyPatch, path: str, bearer: str
) -> None:
    assert await _status("GET", path, signing_key=KEY, bearer=bearer) != 401

    monkeypatch.setattr("hmac.compare_digest", lambda *_: False)

    assert await _status("GET", path, signing_key=KEY, bearer=bearer) == 401
