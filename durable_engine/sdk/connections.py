"""Connections to apps: HTTP/1.1 over asyncio, kept open between calls.

A call is one write and few wake-ups. The transports of `httpx` are made for any server and any event loop,
and cost several times as much, as do its requests and responses. A small answer in the plainest form is read
here (`plain_answers`); h11, which they rest on, reads all others and keeps their states.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, TypeAlias

import httpx

from durable_engine.connecting import trusted_authorities
from durable_engine.decoding import decompressed
from durable_engine.sdk.connection import Answer, Connection

# Shorter than any app server's own limit (gunicorn: 2 s; uvicorn and Node: 5 s), so we never write to a
# connection that the app is about to close.
KEEPALIVE_S: Final = 1.5
BURST_CALLS: Final = 32
"""With more open calls an app may be busy for seconds, and close a connection as idle before it reads the
request that came over it: then only those are used again that have not been idle for long."""
_FRESH_S: Final = 1.0
_SECOND_ADDRESS_S: Final = 0.25
"""How long the first address of a name may keep the next one waiting."""

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
        self._idle: defaultdict[_Origin, list[Connection]] = defaultdict(list)
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
            answer = await connection.ask(method, data, timeouts.read_s)
        except BaseException:
            self._open_calls -= 1
            if connection is not None:
                connection.close()
            raise
        return AppResponse(answer, self, address.origin, connection)

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

    def give_back(self, origin: _Origin, connection: Connection) -> None:
        """Take a connection back whose answer was read, or was not wanted any more."""
        self._open_calls -= 1
        if self._is_closed or not connection.is_reusable():
            connection.close()
            return
        self._idle[origin].append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(KEEPALIVE_S, self._close_old)

    def _warm(self, origin: _Origin) -> Connection | None:
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

    async def _connect(self, origin: _Origin, timeout_s: float | None) -> Connection:
        scheme, host, port = origin
        is_tls = scheme == "https"
        if is_tls and self._tls is None:
            self._tls = trusted_authorities()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection,
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


class AppResponse:
    """An answer whose head has come; closing it gives the connection back."""

    def __init__(self, answer: Answer, connections: AppConnections, origin: _Origin, connection: Connection):
        self.status, self.headers, self._whole = answer
        """Header names are in lower case; what comes several times is one value, as HTTP has it."""
        self._connections = connections
        self._origin = origin
        self._connection: Connection | None = connection

    @property
    def whole(self) -> bytes | None:
        """The body if all of it came with the head, as it is; it is small then (`plain_answers`)."""
        return None if "content-encoding" in self.headers else self._whole

    async def raw(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, in the encoding that it has on the wire."""
        if self._whole is not None:
            yield self._whole
            return
        while self._connection is not None and (piece := await self._connection.read()) is not None:
            yield piece

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
