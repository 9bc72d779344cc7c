"""The tools on the Inngest server that STEPCUE_TEST_SERVER names, with an app of this process synced to it.

Such a server keeps what earlier tests left, so that each test has names of its own there: `Renamed` puts a
token into them on the way out, and takes it away on the way back.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import fastapi
import httpx
import inngest
import inngest.fast_api
import pytest
from mcp import Client
from mcp.types import CallToolResult
from support.serving import served

from docs_index import DocsIndex
from mcp_server.config import ServerConfig
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.target import read_target
from mcp_server.remote_server import build_remote_server

VARIABLE = "STEPCUE_TEST_SERVER"
ORIGIN = os.environ.get(VARIABLE, "").rstrip("/")
needs_server = pytest.mark.skipif(
    not ORIGIN,
    reason=f"{VARIABLE} names no Inngest server: run `npx inngest-cli@latest dev --no-discovery`, and set it "
    "to http://127.0.0.1:8288",
)
"""Marks what is asked of a real server."""

App = Callable[[inngest.Inngest, str], list[inngest.Function[Any]]]
"""Makes the functions of an app; the names of its events begin with the text."""


class Renamed:
    """A client of the tools whose events and functions have other names on the server."""

    def __init__(self, client: Client, token: str) -> None:
        self._client = client
        self._token = token

    async def call_tool(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool with its names, and return the answer with ours."""
        given = {name: self._there(name, value) for name, value in arguments.items()}
        answer = await self._client.call_tool(tool, given)
        return CallToolResult.model_validate_json(answer.model_dump_json().replace(self._token, ""))

    def _there(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if name in {"functionId", "query"} and value in {"pay", "break", "wait"}:
            return f"lab{self._token}-{value}"
        return re.sub(r"^t/", f"t{self._token}/", value)


@asynccontextmanager
async def tools_on_server(app: App, docs: DocsIndex) -> AsyncIterator[Renamed]:
    """Sync an app with the server, and connect a client to the tools over it."""
    token = f"-{uuid4().hex[:8]}"
    client = inngest.Inngest(
        app_id=f"lab{token}", is_production=False, api_base_url=ORIGIN, event_api_base_url=ORIGIN
    )
    web = fastapi.FastAPI()
    inngest.fast_api.serve(web, client, app(client, f"t{token}/"))
    async with (
        served(web) as address,
        httpx.AsyncClient(trust_env=False) as http,
        RemoteBackend.open(read_target(ORIGIN, allows_writes=True)) as backend,
    ):
        synced = await http.put(f"{address}/api/inngest")
        assert synced.status_code == 200, synced.text
        await backend.api.known()
        config = ServerConfig(engine_url=ORIGIN, is_remote=True)
        async with Client(
            build_remote_server(backend, docs, config=config), raise_exceptions=True
        ) as connected:
            yield Renamed(connected, token)
