"""Sessions for clients of revisions before 2026-07-28: offered, and never needed.

A session lets the server ask such a client something, or tell it something, while no call is open. But it
lives in this process, and many clients are lost when theirs is unknown after a restart. So `initialize`
opens a session, and a request whose session this process does not know is answered without one.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.strict import StrictServer

_SESSION_ID: Final = "mcp-session-id"
_UNKNOWN_OR_FULL: Final = frozenset({404, 503})
_MAX_INITIALIZE_BYTES: Final = 8_192
"""A session keeps what its client says of itself, at up to twenty times that size; real ones say < 1 kB."""
_MAX_SESSIONS: Final = 1_000
"""Open at the same time; each takes about 70 kB, after the longest `initialize` about 220 kB, until it is
ended or idle for half an hour."""
_MAX_ENDED: Final = 10_000


class SessionRouting:
    """Sends each request to the endpoint that keeps sessions, or to the one that knows none.

    Args:
        sessions: the endpoint that keeps sessions; it answers 404 when it does not know one, and 503 when
            it has too many.
        stateless: the endpoint that answers any request on its own.
        managers: what has to run while the endpoints answer.
    """

    def __init__(
        self,
        sessions: ASGIApp,
        stateless: ASGIApp,
        managers: Sequence[StreamableHTTPSessionManager] = (),
    ) -> None:
        self._sessions = sessions
        self._stateless = stateless
        self._managers = managers
        self._ended: deque[str] = deque(maxlen=_MAX_ENDED)
        self._closing = asyncio.Event()

    @classmethod
    def of(cls, server: StrictServer) -> SessionRouting:
        """Build both endpoints of a server that is not mounted elsewhere; Host and Origin are not checked."""
        endpoints, managers = [], []
        for stateless in (False, True):
            app = server.streamable_http_app(
                stateless_http=stateless,
                json_response=False,
                max_sessions=_MAX_SESSIONS,
                transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            )
            endpoints.append(next(route.app for route in app.routes if isinstance(route, Route)))
            managers.append(server.session_manager)
        with_sessions, without = endpoints
        logging.getLogger("mcp.server.streamable_http_manager").addFilter(_is_no_full_house)
        return cls(with_sessions, without, managers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests while entered; once."""
        async with AsyncExitStack() as stack:
            for manager in self._managers:
                await stack.enter_async_context(manager.run())
            yield

    def end_streams(self) -> None:
        """End the streams on which clients listen between their calls; they would hold up a stop."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        session = Headers(scope=scope).get(_SESSION_ID)
        body = _Body(_until(self._closing, receive) if scope["method"] == "GET" else receive)
        answer = _Answer(send)
        has_session = session is not None or (scope["method"] == "POST" and await body.is_initialize())
        if has_session:
            # A session that the client itself ended stays ended.
            answer.refusals = frozenset() if session in self._ended else _UNKNOWN_OR_FULL
            await self._sessions(scope, body.replayed(), answer)
            if session is not None and not answer.refused:
                if scope["method"] == "DELETE":
                    self._ended.append(session)
                elif scope["method"] == "POST" and body.is_client_gone and not answer.finished:
                    await self._give_up(scope, body.request_id())
        if answer.refused or not has_session:
            answer.refusals = frozenset()
            await self._stateless(scope, body.replayed(), answer)
        await answer.finish()

    async def _give_up(self, scope: Scope, request_id: object) -> None:
        """End a call in a session whose client is gone: nothing is kept from which it could be resumed."""
        if request_id is None:
            return
        params = {"requestId": request_id, "reason": "the connection was closed"}
        notification = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        content = json.dumps(notification).encode()
        kept = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        headers = [*kept, (b"content-length", str(len(content)).encode())]
        coming: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> Message:
            return coming.pop() if coming else {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            """Nobody is there to read the answer."""

        await self._sessions({**scope, "headers": headers}, receive, send)


@dataclass(slots=True)
class _Body:
    """What a client sends, kept so that it can be read again."""

    receive: Receive
    read: list[Message] = field(default_factory=list)
    is_client_gone: bool = False

    async def is_initialize(self) -> bool:
        """Whether this is the request that opens a session; reads little more than such a request has."""
        content = b""
        while len(content) <= _MAX_INITIALIZE_BYTES:
            message = await self._next()
            content += message.get("body", b"")
            if not message.get("more_body", False):
                is_short = len(content) <= _MAX_INITIALIZE_BYTES
                return is_short and b'"initialize"' in content and _part(content, "method") == "initialize"
        return False

    def request_id(self) -> object:
        """Return the id of the request that was read; None if it is no request, but an answer, say."""
        content = b"".join(message.get("body", b"") for message in self.read)
        return None if _part(content, "method") is None else _part(content, "id")

    def replayed(self) -> Receive:
        """Return a `receive` that begins with what was read, and goes on with what comes."""
        again = iter(tuple(self.read))

        async def receive() -> Message:
            return next(again, None) or await self._next()

        return receive

    async def _next(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.read.append(message)
        else:
            self.is_client_gone = True
        return message


@dataclass(slots=True)
class _Answer:
    """Passes an answer on, unless its status is a refusal."""

    send: Send
    refusals: frozenset[int] = frozenset()
    refused: bool = False
    started: bool = False
    finished: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.refused = message["status"] in self.refusals
            self.started = not self.refused
        elif not self.refused:
            self.finished = not message.get("more_body", False)
        if not self.refused:
            await self.send(message)

    async def finish(self) -> None:
        """End an answer that was broken off, so that it counts as complete."""
        if self.started and not self.finished:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})


def _until(closing: asyncio.Event, receive: Receive) -> Receive:
    """Return a `receive` for which the client is gone as soon as we are closing."""

    async def receive_or_close() -> Message:
        arriving = asyncio.ensure_future(receive())
        closed = asyncio.ensure_future(closing.wait())
        try:
            await asyncio.wait({arriving, closed}, return_when=asyncio.FIRST_COMPLETED)
            return arriving.result() if arriving.done() else {"type": "http.disconnect"}
        finally:
            arriving.cancel()
            closed.cancel()

    return receive_or_close


def _part(content: bytes, name: str) -> object:
    try:
        request = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return request.get(name) if isinstance(request, dict) else None


def _is_no_full_house(record: logging.LogRecord) -> bool:
    """Whether a record is more than a session that found no room, which is no fault: nobody needs one."""
    return not str(record.msg).startswith("Refusing to open a new session")
