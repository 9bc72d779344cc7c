"""MCP over stdio: a bridge to a Stepcue that already runs over HTTP.

stdout belongs to the protocol; while a session is open the SDK points file descriptor 1 at stderr, and
nothing here prints. Both protocol eras work on the stdio side, whatever the era of the HTTP side.
"""

from __future__ import annotations

import asyncio
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
from pydantic import SecretStr

from durable_engine.patience import first_of
from mcp_server.advice import without_hidden
from mcp_server.aliases import tool_meant
from mcp_server.config import ServerConfig
from mcp_server.errors import REFUSED
from mcp_server.instructions import instructions
from mcp_server.passing_on import R, handlers
from mcp_server.stopping import leave_stdin, taking_signals
from mcp_server.strict import no_such_tool

logger = logging.getLogger(__name__)

_CONNECT_S: Final = 10.0
_SILENCE_S: Final = 120.0
"""Longest silence on an open call: a waiting tool ends within 55 s, and reports each second."""


class AttachError(Exception):
    """No Stepcue answers at the URL; `str()` is one sentence for the person who started the command."""


async def attach(url: str, *, token: SecretStr | None = None, narrowed: ServerConfig | None = None) -> None:
    """Serve over stdin and stdout what the Stepcue at `url` serves over HTTP, until stdin closes.

    Args:
        url: the MCP address of the running server, e.g. "http://127.0.0.1:8288/mcp".
        token: what that server asks for.
        narrowed: offer only the tools of this configuration, of those that are there; None offers all.

    Raises:
        AttachError: nothing at `url` speaks MCP, it refuses us, or has none of the tools.
    """
    async with connect(url, token=token) as upstream:
        if narrowed is not None:
            await upstream.narrow(narrowed)
        bridge = build_bridge(upstream)
        async with stdio_server() as (read_stream, write_stream):
            options = bridge.create_initialization_options()
            bridging = asyncio.create_task(bridge.run(read_stream, write_stream, options))
            with taking_signals() as stop:
                await first_of([asyncio.wait({bridging}), stop.asked.wait()])
            if not bridging.done():
                leave_stdin()
            bridging.result()


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
        self._offered: tuple[str, ...] | None = None
        self._hidden: frozenset[str] = frozenset()

    async def greet(self) -> None:
        """Learn the server's name, version and instructions.

        Raises:
            AttachError: nothing at the address speaks MCP.
        """
        with self._faults():
            async with self._session() as client:
                self.about = client.server_info
                self.instructions = client.instructions

    async def narrow(self, config: ServerConfig) -> None:
        """Offer only tools that `config` offers from now on, nothing else, and fit the instructions to it.

        Raises:
            AttachError: the server offers nothing of it, or does not answer.
        """
        from mcp_server.offer import offered_names  # with all tools, which a bridge does not need

        there = {tool.name for tool in (await self.list_tools()).tools}
        wanted = offered_names(config)
        self._offered = tuple(name for name in wanted if name in there)
        if not self._offered:
            raise AttachError(
                f"The Stepcue at {self.url} offers none of the tools that were asked for; it was started "
                "with other --toolsets, --tools or --read-only."
            )
        self._hidden = frozenset(there.difference(self._offered))
        missing = [name for name in wanted if name not in there]
        if config.tools is not None and missing:
            logger.warning("the Stepcue at %s does not offer %s", self.url, ", ".join(missing))
        self.instructions = instructions(self._offered, read_only=config.read_only)

    @property
    def is_narrowed(self) -> bool:
        """Whether only some of its tools are passed on, and no prompts and resources, which name others."""
        return self._offered is not None

    async def list_tools(self, cursor: str | None = None) -> ListToolsResult:
        """Return one page of the tools.

        Raises:
            AttachError: the server does not answer.
        """
        with self._faults():
            async with self._session() as client:
                page = await client.list_tools(cursor=cursor)
        if self._offered is None:
            return page
        tools = [tool for tool in page.tools if tool.name in self._offered]
        return page.model_copy(update={"tools": tools})

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None, *, on_progress: ProgressFnT | None = None
    ) -> CallToolResult:
        """Call a tool and return its result as it came, but for advice about tools that are not offered.

        Raises:
            AttachError: the server does not answer.
        """
        if self._offered is not None and name not in self._offered:
            meant = tool_meant(name, self._offered)
            if meant is None:
                text = TextContent(type="text", text=no_such_tool(name, self._offered))
                return CallToolResult(content=[text], is_error=True)
            name = meant
        request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=arguments))
        with self._faults():
            async with self._session() as client:
                # Not `client.call_tool`: that checks results against schemas, which is not a bridge's task.
                result = await client.session.send_request(
                    request, CallToolResult, progress_callback=on_progress
                )
        return without_hidden(result, self._hidden)

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
            if isinstance(cause, MCPError) and cause.code == REFUSED:
                raise AttachError(f"{self.url} refused: {cause.message}") from None
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
async def connect(url: str, *, token: SecretStr | None = None) -> AsyncIterator[Upstream]:
    """Open a connection to the Stepcue at `url`.

    Raises:
        AttachError: nothing there speaks MCP, or it asks for another token.
    """
    timeout = httpx2.Timeout(_CONNECT_S, read=_SILENCE_S)
    headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
    # A proxy from the environment is not meant for a server on this machine.
    async with httpx2.AsyncClient(timeout=timeout, trust_env=False, headers=headers) as http:
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
        **({} if upstream.is_narrowed else handlers(upstream)),
    )
