"""Every route of the server is on one of the two pages of routes, and no other route is."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from starlette.routing import Route
from support.page_tables import names, rows, text_of
from support.shipped_docs import shipped_docs

from durable_engine import Engine, EngineConfig, build_app
from mcp_server.http import MCP_PATH, mount_mcp
from mcp_server.server import build_server

PAGES = ("reference/rest-api", "reference/sdk-routes")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROUTE = re.compile(rf"({'|'.join(METHODS)}) (/\S*)")
ANYTHING_ELSE = "/v2/{}"
"""Answers whatever API v2 has and this server has not."""


def _plain(path: str) -> str:
    """Return a path without the names of its parameters, below `/v2` rather than `/api/v2`."""
    return re.sub(r"\{[^}]*\}|KEY", "{}", re.sub(r"^/api/v2", "/v2", path))


def _served(routes: Iterable[object]) -> set[str]:
    return {
        f"{method} {_plain(route.path)}"
        for route in routes
        if isinstance(route, Route) and route.path.rstrip("/") != MCP_PATH
        for method in route.methods or ()
        if method in METHODS
    }


def _documented() -> set[str]:
    spans = [span for page in PAGES for row in rows(text_of(page)) for span in names(row[0])]
    return {f"{found[1]} {_plain(found[2])}" for span in spans if (found := ROUTE.fullmatch(span))}


@pytest.mark.anyio
async def test_routes_and_pages_agree() -> None:
    async with await Engine.open(EngineConfig()) as engine:
        mount = mount_mcp(build_server(engine, shipped_docs()))
        served = _served(build_app(engine, more_routes=mount.routes).routes)

    assert len(served) > 50
    assert {route for route in served if route.endswith(ANYTHING_ELSE)} <= {
        f"{method} {ANYTHING_ELSE}" for method in METHODS
    }
    assert {route for route in served if not route.endswith(ANYTHING_ELSE)} == _documented()
