"""Every route refuses what a web page could send, and asks for the token unless it is listed here."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from docs_index import DocsIndex
from durable_engine import Engine, EngineConfig, build_app
from durable_engine.http_api.token import AccessToken
from mcp_server.http import mount_mcp
from mcp_server.paths import MCP_PATHS
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio
ORIGIN = "http://127.0.0.1:8288"
OPEN = {
    # What every client may ask, and the description of what there is.
    "GET /health",
    "GET /dev",
    "GET /openapi.json",
    # What SDKs call, who know no token.
    "POST /dev/traces",
    "POST /v1/runs/x/metadata",
    "POST /e/x",
    "POST /fn/register",
    "PUT /fn/register",
}
BY_SDKS = re.compile(
    r"\w+ /(v0/runs/x/(actions|batch)|v0/connect/|v1/(checkpoint|http/runs|realtime|traces)|v1/signals$)"
)


@asynccontextmanager
async def _served() -> AsyncIterator[tuple[Starlette, httpx.AsyncClient]]:
    token = AccessToken(SecretStr("0123456789abcdef"))
    async with await Engine.open(EngineConfig()) as engine:
        mount = mount_mcp(build_server(engine, DocsIndex.open()), token=token)
        app = build_app(engine, more_routes=mount.routes, with_own_door=MCP_PATHS, token=token)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as api:
            yield app, api


def _requests(app: Starlette) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"\{[^}]*\}", "x", route.path))
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ("GET", "POST", "DELETE")
    }


async def test_no_route_serves_what_a_web_page_could_send() -> None:
    embedded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    refused: list[tuple[dict[str, str], int]] = [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:8288"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        (embedded, 403),
    ]
    async with _served() as (app, api):
        requests = _requests(app)
        served = [
            (request, headers)
            for request in requests
            for headers, status in refused
            if (await api.request(*request, headers=headers)).status_code != status
        ]
    assert len(requests) > 50
    assert served == []


async def test_every_route_asks_for_the_token_but_those_of_sdks_and_what_tells_nothing() -> None:
    async with _served() as (app, api):
        requests = {
            request
            for request in _requests(app)
            if request[0] != "HEAD" and BY_SDKS.match(" ".join(request)) is None
        }
        headers = {"accept": "application/json, text/event-stream"}
        is_open = {
            " ".join(request)
            for request in requests
            if (await api.request(*request, headers=headers)).status_code != 401
        }
    assert is_open == OPEN
