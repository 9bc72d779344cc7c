"""Serve MCP over a server elsewhere: no engine, no data file, no routes for apps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durable_engine.clock import RealClock
from durable_engine.errors import ConfigError
from durable_engine.http_api.guard import Callers, HostGuard
from durable_engine.patience import first_of, within
from mcp_server.config import ServerConfig
from mcp_server.mcp_later import MCPLater, over_server
from mcp_server.paths import MCP_PATHS
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.errors import KeyRefusedError, RemoteError
from mcp_server.remote.target import Target
from mcp_server.serving import DoorOptions, HTTPServer, listen, reachable_host, to_setup_page, warn_if_open
from mcp_server.stopping import leave_stdin, taking_signals

_PROBE_S: Final = 10.0
"""For the first look at the server; whatever it has not answered by then is asked with the first question."""

_NO_KIND: Final = "none"
"""No SDK is to take this for its server."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOptions(DoorOptions):
    """Which server, besides."""

    target: Target


async def serve_remote(options: RemoteOptions, *, on_ready: Callable[[str, str], None]) -> None:
    """Serve MCP over HTTP until SIGINT or SIGTERM.

    `on_ready` is called with our origin and the environment, once requests are answered.

    Raises:
        ConfigError: the port, the address, a key or the token cannot be used.
    """
    doors = options.doors()
    with taking_signals() as stop:
        sockets = listen(options.host, options.port)
        try:
            async with _opened(options) as backend:
                origin = f"http://{reachable_host(options.host)}:{sockets[0].getsockname()[1]}"
                mcp = MCPLater(over_server(backend, _config(options)), options.docs_folders, doors)
                server = HTTPServer(_app(mcp, doors), on_stop=mcp.end_streams)
                warn_if_open(options.host, doors["token"])
                async with server.serving(sockets):
                    on_ready(origin, backend.environment)
                    await first_of([mcp.failed(), server.ended.wait(), stop.asked.wait()])
        finally:
            for listener in sockets:
                listener.close()


async def serve_remote_with_stdio(options: RemoteOptions) -> None:
    """Serve MCP over stdio until stdin closes or a signal comes; nothing listens.

    Raises as `serve_remote`.
    """
    stdio: asyncio.Task[None] | None = None
    with taking_signals() as stop:
        async with _opened(options) as backend:
            mcp = MCPLater(over_server(backend, _config(options)), options.docs_folders, {})
            server = await asyncio.to_thread(mcp.build)
            stdio = asyncio.create_task(server.run_stdio_async())
            await first_of([asyncio.wait({stdio}), stop.asked.wait()])
    if not stdio.done():
        leave_stdin()


@asynccontextmanager
async def _opened(options: RemoteOptions) -> AsyncIterator[RemoteBackend]:
    """Use the server while entered, and look at it first; one that does not answer may do so later.

    Raises:
        ConfigError: it does not take the keys.
    """
    clock = RealClock()
    async with RemoteBackend.open(options.target, clock=clock) as backend:
        try:
            if await within(clock.patience(_PROBE_S), backend.api.known()) is None:
                logger.warning("%s has not answered so far; it is asked again", backend.environment)
        except KeyRefusedError as fault:
            raise ConfigError(str(fault), hint=fault.hint) from None
        except RemoteError as fault:
            logger.warning("%s %s", fault, fault.hint)
        yield backend


def _config(options: RemoteOptions) -> ServerConfig:
    return options.server.model_copy(
        update={"engine_url": options.target.shown_url, "host": options.host, "is_remote": True}
    )


def _app(mcp: MCPLater, doors: Mapping[str, Any]) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with mcp.lifespan():
            yield

    callers = Callers(doors["allowed_hosts"], doors["allowed_origins"])
    guard = Middleware(HostGuard, callers=callers, server_kind=_NO_KIND, with_own_door=MCP_PATHS)
    routes = [*mcp.routes, Route("/", to_setup_page), Route("/health", _health)]
    return Starlette(routes=routes, middleware=[guard], lifespan=lifespan)


async def _health(_: Request) -> Response:
    return JSONResponse({"status": 200, "message": "OK"})
