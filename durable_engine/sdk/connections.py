"""Connections to apps: HTTP/1.1 over asyncio, kept open between calls.

A call is one write and few wake-ups. The transports of `httpx` are made for any server and any event loop,
and cost several times as much, as do its requests and responses; h11, which they rest on, still reads the
protocol here and keeps its states.
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, TypeAlias, cast

import h11
import httpx

from durable_engine.connecting import trusted_authorities
from durable_engine.decoding import decompressed

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

_KNOWN: Final = 256
_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose requests say how long their body is, also when there is none."""
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_Origin: TypeAlias = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the requests for a URL go, and what they say of it."""

    url: httpx.URL
    origin: _Origin
    host: bytes
    target: bytes

    @classmethod
    def of(cls, url: httpx.URL) -> Address:
        """Read a URL."""
        return cls(url, (url.scheme, url.raw_host.decode(), url.port), url.netloc, url.raw_path)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for a connection to be made, and of silence until an answer counts as lost."""

    connect_s: float
    read_s: float


class AppConnections:
    """Sends requests, each over a connection that nobody else uses meanwhile."""

    def __init__(self) -> None:
        self._idle: defaultdict[_Origin, list[_Connection]] = defaultdict(list)
        self._open_calls = 0
        self._tls: ssl.SSLContext | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def send(
        self,
        method: str,
        address: Address,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        timeouts: Timeouts,
    ) -> AppResponse:
        """Send a request; the answer's body is read as it comes. Closing the answer is up to the caller.

        Raises:
            httpx.TransportError: no connection, a broken one, or silence for too long.
            UnicodeError: a header is not ASCII.
        """
        data = _request_bytes(method, address, headers, content)
        connection = self._warm(address.origin)
        self._open_calls += 1
        try:
            if connection is None:
                connection = await self._connect(address.origin, timeouts.connect_s)
            head = await connection.ask(method, data, timeouts.read_s)
        except BaseException:
            self._open_calls -= 1
            if connection is not None:
                connection.close()
            raise
        return AppResponse(head, self, address.origin, connection)

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

    async def ask(self, method: str, data: bytes, timeout_s: float) -> h11.Response:
        """Send a whole request and return the head of its answer; `timeout_s` is about silence."""
        self._timeout_s = timeout_s
        try:
            for event in _announced(method):
                self._http.send(event)
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


class AppResponse:
    """An answer whose head has come; closing it gives the connection back."""

    def __init__(
        self, head: h11.Response, connections: AppConnections, origin: _Origin, connection: _Connection
    ) -> None:
        self.status: int = head.status_code
        self.headers: dict[str, str] = {}
        """By name in lower case; what comes several times is one value, as HTTP has it."""
        for raw_name, raw_value in head.headers:
            name, value = raw_name.decode("ascii"), _text(raw_value)
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self._connections = connections
        self._origin = origin
        self._connection: _Connection | None = connection

    async def raw(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, in the encoding that it has on the wire."""
        while self._connection is not None:
            event = await self._connection.next_event()
            if not isinstance(event, h11.Data):  # the end of the message
                return
            yield bytes(event.data)

    def body(self, *, most: int, too_large: Exception) -> AsyncIterator[bytes]:
        """Yield the body, decompressed; raises as `decompressed`, and httpx.TransportError."""
        return decompressed(
            self.raw(), self.headers.get("content-encoding", ""), most=most, too_large=too_large
        )

    async def aclose(self) -> None:
        """Let go of the connection; it is kept if the answer was read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._connections.give_back(self._origin, connection)


def _is_readable(fd: int) -> bool:
    if sys.platform == "win32":
        return bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _is_here(host: str) -> bool:
    """Whether all addresses of a host answer at once or not at all: one address, or this machine.

    To try several at the same time costs more, and leaves a socket to the garbage collector when it is
    cancelled.
    """
    try:
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False


def _request_bytes(method: str, address: Address, headers: Mapping[str, str], content: bytes | None) -> bytes:
    """Return a whole request as it goes over the wire.

    h11 would check and copy each header at every call; all that differs from call to call is ours, or an id.
    """
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if content or method in _WITH_LENGTH:
        lines.append(f"Content-Length: {len(content or b'')}")
    first = b"%s %s HTTP/1.1\0Host: %s\0" % (method.encode("ascii"), address.target, address.host)
    head = first + "".join([f"{line}\0" for line in lines]).encode("ascii")
    if len(_CONTROL.findall(head)) != len(lines) + 2:
        raise httpx.LocalProtocolError("a header has a character that no header may have")
    return head.replace(b"\0", b"\r\n") + b"\r\n" + (content or b"")


@lru_cache(maxsize=_KNOWN)
def _announced(method: str) -> tuple[h11.Event, ...]:
    """Return the events after which h11 expects the answer to a request, which is written without it."""
    return h11.Request(method=method, target="/", headers=[("Host", "app")]), h11.EndOfMessage()
