"""MCP over stdio: our own server, or a bridge to a Stepcue that already runs over HTTP.

stdout belongs to the protocol; while a session is open the SDK points file descriptor 1 at stderr, and
nothing here prints. Both protocol eras work on the stdio side, whatever the era of the HTTP side.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import Subscription
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.exceptions import MCPError
from mcp.types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ClientRequest,
    Implementation,
    ListToolsResult,
    PaginatedRequestParams,
    SubscriptionFilter,
    TextContent,
)

from mcp_server.passing_on import R, handlers
from mcp_server.strict import StrictServer

logger = logging.getLogger(__name__)

_CONNECT_S: Final = 10.0
_SILENCE_S: Final = 120.0
"""Longest silence on an open call: a waiting tool ends within 55 s, and reports each second."""


class AttachError(Exception):
    """No Stepcue answers at the URL; `str()` is one sentence for the person who started the command."""


async def serve_stdio(server: StrictServer) -> None:
    """Serve our own server over stdin and stdout until stdin closes."""
    await server.run_stdio_async()


async def attach(url: str) -> None:
    """Serve over stdin and stdout what the Stepcue at `url` serves over HTTP, until stdin closes.

    Args:
        url: the MCP address of the running server, e.g. "http://127.0.0.1:8288/mcp".

    Raises:
        AttachError: nothing at `url` speaks MCP.
    """
    async with connect(url) as upstream:
        bridge = build_bridge(upstream)
        async with stdio_server() as (read_stream, write_stream):
            await bridge.run(read_stream, write_stream, bridge.create_initialization_options())


class Upstream:
    """The server that is attached to.

    Each request opens an MCP session of its own over kept-alive connections: the server is stateless, a
    connection that breaks takes nothing else with it, and a restart in between goes unnoticed.
    """

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self.url = url
        self.about: Implementation | None = None
        self.instructions: str | None = None
        self._http = http

    async def greet(self) -> None:
        """Learn the server's name, version and instructions.

        Raises:
            AttachError: nothing at the address speaks MCP.
        """
        with self._faults():
            async with self._session() as client:
                self.about = client.server_info
                self.instructions = client.instructions

    async def list_tools(self, cursor: str | None = None) -> ListToolsResult:
        """Return one page of the tools.

        Raises:
            AttachError: the server does not answer.
        """
        with self._faults():
            async with self._session() as client:
                return await client.list_tools(cursor=cursor)

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None, *, on_progress: ProgressFnT | None = None
    ) -> CallToolResult:
        """Call a tool and return its result as it came.

        Raises:
            AttachError: the server does not answer.
        """
        request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=arguments))
        with self._faults():
            async with self._session() as client:
                # Not `client.call_tool`: that checks results against schemas, which is not a bridge's task.
                return await client.session.send_request(
                    request, CallToolResult, progress_callback=on_progress
                )

    async def ask(self, request: ClientRequest, answer: type[R]) -> R:
        """Return the answer to any other request as it came.

        Raises:
            MCPError: the server refuses, or does not answer.
        """
        with _as_protocol_error(), self._faults():
            async with self._session() as client:
                return await client.session.send_request(request, answer)

    @asynccontextmanager
    async def listen(self, wanted: SubscriptionFilter) -> AsyncIterator[Subscription]:
        """Listen for changes while entered; raises as `ask`."""
        with _as_protocol_error(), self._faults():
            async with (
                self._session() as client,
                client.listen(
                    tools_list_changed=bool(wanted.tools_list_changed),
                    prompts_list_changed=bool(wanted.prompts_list_changed),
                    resources_list_changed=bool(wanted.resources_list_changed),
                    resource_subscriptions=wanted.resource_subscriptions or (),
                ) as told,
            ):
                yield told

    def _session(self) -> Client:
        return Client(streamable_http_client(self.url, http_client=self._http), cache=None)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (MCPError, httpx2.HTTPError, OSError, ExceptionGroup) as error:
            cause = _innermost(error)
            if isinstance(cause, MCPError) and cause.code not in {CONNECTION_CLOSED, INTERNAL_ERROR}:
                raise cause from None
            raise AttachError(
                f"No Stepcue answers at {self.url}. Start one with `stepcue dev`, or check the address."
            ) from error


@contextmanager
def _as_protocol_error() -> Iterator[None]:
    try:
        yield
    except AttachError as error:
        raise MCPError(code=INTERNAL_ERROR, message=str(error)) from error


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Upstream]:
    """Open a connection to the Stepcue at `url`.

    Raises:
        AttachError: nothing there speaks MCP.
    """
    timeout = httpx2.Timeout(_CONNECT_S, read=_SILENCE_S)
    # A proxy from the environment is not meant for a server on this machine.
    async with httpx2.AsyncClient(timeout=timeout, trust_env=False) as http:
        upstream = Upstream(url, http)
        await upstream.greet()
        yield upstream


def build_bridge(upstream: Upstream) -> Server[Any]:
    """Build a server that passes everything on, results unchanged.

    Progress flows back to the caller; a caller that gives up ends the call upstream.
    """

    async def list_tools(
        _context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        with _as_protocol_error():
            return await upstream.list_tools(params.cursor if params else None)

    async def call_tool(context: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        try:
            return await upstream.call_tool(
                params.name, params.arguments, on_progress=context.session.report_progress
            )
        except AttachError as error:
            logger.warning("the attached server did not answer", extra={"tool": params.name}, exc_info=error)
            text = f"{error} Runs are kept in its data file; call again once it runs."
            return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)

    about = upstream.about
    return Server(
        about.name if about else "stepcue",
        version=about.version if about else "",
        title=about.title if about else None,
        instructions=upstream.instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        **handlers(upstream),
    )
