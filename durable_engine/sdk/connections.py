"""Connections to apps: HTTP/1.1 over asyncio, kept open between calls.

A call is one write and few wake-ups. The transports of `httpx` are made for any server and any event loop,
and cost several times as much; h11, which they rest on, still reads and writes the protocol here.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Final, TypeAlias, cast

import h11
import httpx

from durable_engine.connecting import trusted_authorities

# Shorter than any app server's own limit (gunicorn: 2 s; uvicorn and Node: 5 s), so we never write to a
# connection that the app is about to close.
KEEPALIVE_S: Final = 1.5
BURST_CALLS: Final = 32
"""With more open calls an app may be busy for seconds, and close a connection as idle before it reads the
request that came over it: then only those are used again that have not been idle for long."""
_FRESH_S: Final = 1.0
_MAX_HEAD_BYTES: Final = 100 * 1024
_SECOND_ADDRESS_S: Final = 0.25
"""How long the first address of a name may keep the next one waiting."""

_Origin: TypeAlias = tuple[str, str, int | None]


class AppConnections(httpx.AsyncBaseTransport):
    """Sends requests, each over a connection that nobody else uses meanwhile."""

    def __init__(self) -> None:
        self._idle: defaultdict[_Origin, list[_Connection]] = defaultdict(list)
        self._open_calls = 0
        self._tls: ssl.SSLContext | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is read as it comes.

        Raises:
            httpx.TransportError: no connection, a broken one, or silence for longer than the request allows.
        """
        timeouts = request.extensions.get("timeout", {})
        url = request.url
        origin = (url.scheme, url.raw_host.decode(), url.port)
        connection = self._warm(origin)
        self._open_calls += 1
        try:
            if connection is None:
                connection = await self._connect(origin, timeouts.get("connect"))
            head = await connection.ask(request, timeouts.get("read"))
        except BaseException:
            self._open_calls -= 1
            if connection is not None:
                connection.close()
            raise
        body = _Body(self, origin, connection)
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body)

    async def aclose(self) -> None:
        """Close what nobody uses, and what is in use when it is given back."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # their sockets are closed in the next turn of the loop

    @property
    def idle_count(self) -> int:
        """How many connections are open that nobody uses."""
        return sum(map(len, self._idle.values()))

    def give_back(self, origin: _Origin, connection: _Connection) -> None:
        """Take a connection back whose answer was read, or was not wanted any more."""
        self._open_calls -= 1
        if self._is_closed or not connection.is_reusable():
            connection.close()
            return
        self._idle[origin].append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(KEEPALIVE_S, self._close_old)

    def _warm(self, origin: _Origin) -> _Connection | None:
        """Return the connection that was given back last, if it can be trusted to be read from."""
        connections = self._idle.get(origin)
        most_s = KEEPALIVE_S if self._open_calls < BURST_CALLS else _FRESH_S
        oldest_s = asyncio.get_running_loop().time() - most_s
        while connections:
            connection = connections.pop()
            if connection.idle_since_s >= oldest_s and connection.is_quiet():
                return connection
            connection.close()
        return None

    def _close_old(self) -> None:
        """Close what has been idle for long: a burst must not leave its hundreds of sockets behind."""
        loop = asyncio.get_running_loop()
        oldest_s = loop.time() - KEEPALIVE_S
        for origin, connections in list(self._idle.items()):
            kept = []
            for connection in connections:
                if connection.is_alive and connection.idle_since_s > oldest_s:
                    kept.append(connection)
                else:
                    connection.close()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        self._sweep = loop.call_later(KEEPALIVE_S, self._close_old) if self._idle else None

    async def _connect(self, origin: _Origin, timeout_s: float | None) -> _Connection:
        scheme, host, port = origin
        is_tls = scheme == "https"
        if is_tls and self._tls is None:
            self._tls = trusted_authorities()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection,
                    host,
                    port or (443 if is_tls else 80),
                    ssl=self._tls if is_tls else None,
                    happy_eyeballs_delay=None if _is_here(host) else _SECOND_ADDRESS_S,
                )
        except TimeoutError as fault:
            raise httpx.ConnectTimeout(str(fault)) from fault
        except OSError as fault:
            raise httpx.ConnectError(str(fault)) from fault
        return connection


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._transport = asyncio.Transport()  # until there is one
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Future[None] | None = None
        self._fault: Exception | None = None
        self._timeout_s: float | None = None
        self.is_alive = True
        self.idle_since_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._http.our_state is h11.IDLE:  # nobody has asked
            self.close()
            return
        self._http.receive_data(data)
        self._tell()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def close(self) -> None:
        """Close at once."""
        self.is_alive = False
        self._transport.abort()

    def is_quiet(self) -> bool:
        """Whether nothing came while it was idle, such as the app's close, even what the loop has yet to see.

        A busy loop hears of a close late, and a request sent meanwhile is a failed attempt.
        """
        return self.is_alive and not _is_readable(self._transport.get_extra_info("socket").fileno())

    def is_reusable(self) -> bool:
        """Whether the exchange is over and another one may follow; it is idle from now on then."""
        states = (self._http.our_state, self._http.their_state)
        if not self.is_alive or states != (h11.DONE, h11.DONE) or self._http.trailing_data[0]:
            return False
        if self._transport.get_write_buffer_size():  # answered before all was read
            return False
        self._http.start_next_cycle()
        self.idle_since_s = self._loop.time()
        return True

    async def ask(self, request: httpx.Request, timeout_s: float | None) -> h11.Response:
        """Send a request and return the head of its answer; `timeout_s` is about silence."""
        self._timeout_s = timeout_s
        try:
            head = h11.Request(
                method=request.method, target=request.url.raw_path, headers=request.headers.raw
            )
            data = b"".join(filter(None, map(self._http.send, _whole(head, request.content))))
        except h11.LocalProtocolError as fault:
            raise httpx.LocalProtocolError(str(fault)) from fault
        self._transport.write(data)
        while True:
            event = await self.next_event()
            if isinstance(event, h11.Response):
                return event

    async def next_event(self) -> h11.Event:
        """Return what comes next in the answer, when it is there."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as fault:
                raise httpx.RemoteProtocolError(str(fault)) from fault
            if isinstance(event, h11.Event):
                return event
            if self.is_alive:
                await self._wait()
            else:
                self._end_answer()

    def _end_answer(self) -> None:
        """Say that the answer broke off, or let h11 say it, which knows whether its end is an end."""
        if self._fault is not None:
            raise httpx.ReadError(str(self._fault)) from self._fault
        if self._http.their_state is h11.SEND_RESPONSE:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        self._http.receive_data(b"")

    async def _wait(self) -> None:
        self._news = self._loop.create_future()
        timer = None
        if self._timeout_s is not None:
            timer = self._loop.call_later(self._timeout_s, self._give_up, self._news)
        try:
            await self._news
        finally:
            self._news = None
            if timer is not None:
                timer.cancel()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    @staticmethod
    def _give_up(news: asyncio.Future[None]) -> None:
        if not news.done():
            news.set_exception(httpx.ReadTimeout("the app was silent for too long"))

    def _end(self, fault: Exception | None) -> None:
        if self.is_alive:
            self.is_alive = False
            self._fault = fault
            self._tell()


class _Body(httpx.AsyncByteStream):
    """The body of an answer; closing it gives the connection back."""

    def __init__(self, connections: AppConnections, origin: _Origin, connection: _Connection) -> None:
        self._connections = connections
        self._origin = origin
        self._connection: _Connection | None = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None:
            event = await self._connection.next_event()
            if not isinstance(event, h11.Data):  # the end of the message
                return
            yield bytes(event.data)

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._connections.give_back(self._origin, connection)


def _is_readable(fd: int) -> bool:
    if sys.platform == "win32":
        return bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _is_here(host: str) -> bool:
    """Whether all addresses of a host answer at once or not at all: one address, or this machine.

    To try several at the same time costs more, and leaves a socket to the garbage collector when it is
    cancelled.
    """
    try:
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False


def _whole(head: h11.Request, content: bytes) -> list[h11.Event]:
    """Return a whole request as events."""
    return [head, *([h11.Data(data=content)] if content else []), h11.EndOfMessage()]
