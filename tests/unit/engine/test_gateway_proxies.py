"""The proxy of the environment."""

from __future__ import annotations

import httpx
import pytest
from raw_server import http, serve

from durable_engine.gateway.answer import GatewayAnswer
from durable_engine.gateway.client import GatewayClient
from durable_engine.gateway.faults import GatewayFailure
from durable_engine.gateway.proxies import proxy_for
from durable_engine.gateway.request import read_request
from durable_engine.model.status import StepKind

PROXY = "http://me:hunter2@proxy.test:3128"
MODEL = read_request(StepKind.FETCH, {"url": "http://model.test/v1?q=1"})
SECURE_MODEL = read_request(StepKind.FETCH, {"url": "https://model.test/v1"})


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://model.test/", None),
        ({"HTTPS_PROXY": PROXY}, "https://model.test/", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://model.test/", None),
        ({"ALL_PROXY": PROXY}, "http://model.test/", PROXY),
        ({"http_proxy": "proxy.test:3128"}, "http://model.test/", "http://proxy.test:3128"),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "model.test"}, "https://model.test/", None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": ".test"}, "https://model.test/", None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "*"}, "https://model.test/", None),
        ({"ALL_PROXY": PROXY}, "http://localhost:3000/", None),
        ({"ALL_PROXY": PROXY}, "http://app.localhost/", None),
        ({"ALL_PROXY": PROXY}, "http://127.0.0.2/", None),
        ({"ALL_PROXY": PROXY}, "http://[::1]:80/", None),
        ({"ALL_PROXY": PROXY}, "http://10.0.0.1/", PROXY),
    ],
)
def test_the_environment_says_which_hosts_are_behind_a_proxy_and_this_machine_never_is(
    environment: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(httpx.URL(url)) == (None if proxy is None else httpx.URL(proxy))


@pytest.mark.anyio
@pytest.mark.parametrize("address", ["socks5://me:hunter2@p:1", "http://me:hunter2@p:port", "http://"])
async def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", address)
    failure = await GatewayClient().send(MODEL)
    assert isinstance(failure, GatewayFailure)
    assert failure.message.startswith("http://model.test cannot be called: the environment (HTTPS_PROXY, ")
    assert "hunter2" not in failure.message


@pytest.mark.anyio
async def test_requests_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(lambda _: http("200 OK", b"by proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:hunter2@127.0.0.1:{proxy.port}")
        answer = await GatewayClient().send(MODEL)
    assert isinstance(answer, GatewayAnswer)
    assert answer.body == b"by proxy"
    assert proxy.heard[0].line == "POST http://model.test/v1?q=1 HTTP/1.1"
    assert proxy.heard[0].headers["proxy-authorization"] == "Basic bWU6aHVudGVyMg=="


@pytest.mark.anyio
async def test_a_proxy_that_refuses_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(lambda _: http("407 Proxy Authentication Required")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{proxy.port}")
        failure = await GatewayClient().send(SECURE_MODEL)
    assert failure == GatewayFailure(
        message=f"https://model.test through the proxy http://127.0.0.1:{proxy.port} cannot be reached: "
        "the proxy answered '407 Proxy Authentication Required'."
    )
    assert proxy.heard[0].line == "CONNECT model.test:443 HTTP/1.1"
