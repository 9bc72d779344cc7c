"""MCP over HTTP: the route to mount beside the engine's, and the lifespan it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.session_routing import SessionRouting
from mcp_server.setup_page import PAGE_POLICY, setup_page
from mcp_server.strict import StrictServer

MCP_PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class MCPMount:
    """What a Starlette application needs to serve MCP: add the routes, enter `lifespan()` once."""

    routes: tuple[BaseRoute, ...]
    routing: SessionRouting

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Serve requests while entered; once per mount, around the application's life."""
        async with self.routing.running():
            yield


def mount_mcp(
    server: StrictServer, *, allowed_hosts: Sequence[str] = (), allowed_origins: Sequence[str] = ()
) -> MCPMount:
    """Build the mount of a server; nothing is lost when the process restarts, as no request needs a session.

    Args:
        server: a server that is not mounted elsewhere.
        allowed_hosts: Host headers to accept besides the loopback names, with or without a port, e.g.
            "host.docker.internal"; a bare name is accepted with every port.
        allowed_origins: Origin headers to accept besides loopback ones, e.g. "https://tools.example".
    """
    security = security_settings(allowed_hosts=allowed_hosts, allowed_origins=allowed_origins)
    routing = SessionRouting.of(server, security)
    page = _PageOrProtocol(routing, server, security)
    return MCPMount(routes=(Route(MCP_PATH, endpoint=page),), routing=routing)


def security_settings(
    *, allowed_hosts: Sequence[str] = (), allowed_origins: Sequence[str] = ()
) -> TransportSecuritySettings:
    """Return which Host and Origin headers are answered: loopback, and what is named.

    A page of another site that a browser shows cannot reach the server then, not even by a DNS name that
    it points at 127.0.0.1.
    """
    hosts = [pattern for host in (*_LOOPBACK, *allowed_hosts) for pattern in _with_any_port(host)]
    origins = [pattern for host in _LOOPBACK for pattern in _with_any_port(f"http://{host}")]
    origins += [pattern for origin in allowed_origins for pattern in _with_any_port(origin)]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True, allowed_hosts=hosts, allowed_origins=origins
    )


def _with_any_port(name: str) -> list[str]:
    has_port = name.rpartition(":")[2].isdigit() or name.endswith(":*")
    return [name] if has_port else [name, f"{name}:*"]


class _PageOrProtocol:
    """Shows browsers how to connect, and hands everything else to the protocol."""

    def __init__(self, protocol: ASGIApp, server: StrictServer, security: TransportSecuritySettings) -> None:
        self._protocol = protocol
        self._server = server
        self._checks = TransportSecurityMiddleware(security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method not in {"GET", "HEAD"} or not _wants_html(request):
            await self._protocol(scope, receive, send)
            return
        refusal = await self._checks.validate_request(request)
        tools = await self._server.list_tools()
        page = refusal or HTMLResponse(
            setup_page(str(request.url.replace(query="", fragment="")), tools),
            headers={"Content-Security-Policy": PAGE_POLICY},
        )
        await page(scope, receive, send)


def _wants_html(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and "text/event-stream" not in accepted
