"""Engine, HTTP API and MCP on one port, as `stepcue dev` puts them together, around a lab's engine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from docs_index import DocsIndex
from durable_engine import Engine, build_app
from mcp_server.config import ServerConfig
from mcp_server.http import mount_mcp
from mcp_server.server import build_server


@asynccontextmanager
async def full_server(engine: Engine, docs: DocsIndex) -> AsyncIterator[str]:
    """Serve while entered; yields the MCP address."""
    # Listening before the server runs: connections queue, nobody has to wait for its start.
    bound = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{bound.getsockname()[1]}"
    mount = mount_mcp(build_server(engine, docs, config=ServerConfig(engine_url=origin)))
    app = build_app(engine, more_routes=mount.routes, lifespan=mount.lifespan)
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
    serving = asyncio.create_task(running.serve(sockets=[bound]))
    try:
        yield f"{origin}/mcp"
    finally:
        running.should_exit = True
        await serving
