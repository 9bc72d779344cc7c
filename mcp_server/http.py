"""MCP over HTTP: the route to mount beside the engine's, and the lifespan it needs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from durable_engine.http_api.guard import Callers
from durable_engine.http_api.refusals import Refusal
from durable_engine.http_api.token import AccessToken, token_refusal
from mcp_server.errors import REFUSED
from mcp_server.paths import MCP_PATH, MCP_PATHS
from mcp_server.plain_refusals import in_plain_words
from mcp_server.session_routing import SessionRouting
from mcp_server.setup_page import PAGE_POLICY, setup_page
from mcp_server.strict import StrictServer

_TOO_LARGE: Final = Refusal(
    413,
    f"The request is over {DEFAULT_MAX_REQUEST_BODY_SIZE // 1024 // 1024} MiB.",
    "Send less: an event has at most 3 MB of data, or what --max-event-size says.",
    "request_too_large",
)


@dataclass(frozen=True, slots=True)
class MCPMount:
    """What a Starlette application needs to serve MCP: add the routes, enter `lifespan()` once."""

    door: ASGIApp
    routing: SessionRouting

    @property
    def routes(self) -> tuple[BaseRoute, ...]:
        """The paths at which it is served."""
        return tuple(Route(path, endpoint=self.door) for path in MCP_PATHS)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Serve requests while entered; once per mount, around the application's life."""
        async with self.routing.running():
            yield


def mount_mcp(
    server: StrictServer,
    *,
    allowed_hosts: Sequence[str] = (),
    allowed_origins: Sequence[str] = (),
    token: AccessToken | None = None,
) -> MCPMount:
    """Build the mount of a server; nothing is lost when the process restarts, as no request needs a session.

    Args:
        server: a server that is not mounted elsewhere.
        allowed_hosts: Host headers to accept besides the loopback names, with or without a port, e.g.
            "host.docker.internal"; a bare name is accepted with every port, and so are pages from there.
        allowed_origins: Origin headers to accept besides those, e.g. "https://tools.example".
        token: what requests have to bring as `Authorization: Bearer`; without one, they need nothing.
    """
    routing = SessionRouting.of(server)
    door = _Door(routing, server, Callers(allowed_hosts, allowed_origins), token)
    return MCPMount(door=door, routing=routing)


class _Door:
    """Asks for the token, shows browsers how to connect, and hands everything else to the protocol."""

    def __init__(
        self, protocol: ASGIApp, server: StrictServer, callers: Callers, token: AccessToken | None
    ) -> None:
        self._protocol = protocol
        self._server = server
        self._callers = callers
        self._token = token
        logging.getLogger("mcp.server.streamable_http").addFilter(_is_no_gone_client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with contextlib.suppress(ClientDisconnect):  # nobody is there to be answered
            await (await self._answer(request) or self._protocol)(scope, receive, in_plain_words(send))

    async def _answer(self, request: Request) -> Response | None:
        """Return what is answered without the protocol, if anything."""
        refusal = self._callers.refusal(request.headers)
        if refusal is not None:
            return _refused(refusal)
        if _wants_page(request):
            return await self._page(request)
        if self._token is not None and not self._token.is_sent_in(request.headers):
            return _refused(token_refusal(request.url.path, request.headers))
        if _is_too_large(request):
            return _refused(_TOO_LARGE)
        return None

    async def _page(self, request: Request) -> Response:
        tools = await self._server.list_tools()
        return HTMLResponse(
            setup_page(
                str(request.url.replace(path=MCP_PATH, query="", fragment="")),
                tools,
                is_here=_is_here(request),
            ),
            headers={"Content-Security-Policy": PAGE_POLICY},
        )


def _refused(refusal: Refusal) -> Response:
    """Write a refusal as an error of the protocol, because clients show no other body to anybody."""
    error = {"code": REFUSED, "message": f"{refusal.error} {refusal.hint}", "data": {"reason": refusal.code}}
    body = {"jsonrpc": "2.0", "id": None, "error": error}
    return JSONResponse(body, status_code=refusal.status, headers=refusal.headers)


def _wants_page(request: Request) -> bool:
    """Whether no MCP client looks: a browser, or curl, which would wait for events for ever."""
    accepted = request.headers.get("accept", "*/*")
    is_client = "text/event-stream" in accepted
    return (
        request.method in {"GET", "HEAD"} and not is_client and ("text/html" in accepted or "*/*" in accepted)
    )


def _is_here(request: Request) -> bool:
    """Whether a request comes from this machine."""
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _is_too_large(request: Request) -> bool:
    declared = request.headers.get("content-length", "")
    return declared.isdecimal() and int(declared) > DEFAULT_MAX_REQUEST_BODY_SIZE


def _is_no_gone_client(record: logging.LogRecord) -> bool:
    """Whether a record is more than a client that went away while it sent its request, which is no fault."""
    return not (record.exc_info and isinstance(record.exc_info[1], ClientDisconnect))
