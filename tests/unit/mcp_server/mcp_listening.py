"""A server listening on a port of its own, as `stepcue dev` mounts it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mcp_server.http import mount_mcp
from mcp_server.strict import StrictServer


def mounted(server: StrictServer, **allowed: list[str]) -> Starlette:
    """Return an application with a route of its own beside MCP's."""
    mount = mount_mcp(server, **allowed)
    health = Route("/health", lambda request: PlainTextResponse("OK"))
    app = Starlette(routes=[health, *mount.routes], lifespan=lambda app: mount.lifespan())
    app.state.mount = mount
    return app


@asynccontextmanager
async def listening(server: StrictServer, *, port: int = 0) -> AsyncIterator[str]:
    """Serve over HTTP while entered; yields the MCP address."""
    # Listening before the server runs: connections queue, nobody has to wait for its start.
    bound = socket.create_server(("127.0.0.1", port))
    app = mounted(server)
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
    # A plain task, so that a test may stop the server before it closes the clients it opened later.
    serving = asyncio.create_task(running.serve(sockets=[bound]))
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/mcp"
    finally:
        app.state.mount.routing.end_streams()
        running.should_exit = True
        await serving
