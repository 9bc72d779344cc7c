"""The same tools over the engine itself, and over its HTTP API on a socket as over any Inngest server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client
from support.serving import served

from docs_index import DocsIndex
from durable_engine import Engine, build_app
from mcp_server.config import ServerConfig
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.target import read_target
from mcp_server.remote_server import build_remote_server
from mcp_server.server import build_server
from mcp_server.strict import StrictServer


@asynccontextmanager
async def on_a_socket(engine: Engine) -> AsyncIterator[str]:
    """Serve the HTTP API of an engine while entered; yields its origin."""
    async with served(build_app(engine)) as origin:
        yield origin


@asynccontextmanager
async def tools_over(kind: str, engine: Engine, docs: DocsIndex) -> AsyncIterator[Client]:
    """Connect a client to the tools over the `embedded` or the `remote` backend."""
    async with on_a_socket(engine) as origin, RemoteBackend.open(read_target(origin)) as backend:
        await backend.api.known()
        server: StrictServer = (
            build_remote_server(backend, docs, config=ServerConfig(engine_url=origin, is_remote=True))
            if kind == "remote"
            else build_server(engine, docs, config=ServerConfig(engine_url=origin))
        )
        async with Client(server, raise_exceptions=True) as client:
            yield client


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool; return its structured answer, which the text repeats."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    facts = dict(result.structured_content or {})
    text = result.content[0].text
    for key in ("message", "next", "environment"):
        assert facts.get(key, "") in text
    return facts


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that says no; return its words."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return str(result.content[0].text)
