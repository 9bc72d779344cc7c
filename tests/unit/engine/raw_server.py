"""A local HTTP server that answers with whatever bytes a test wants, right or wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_TLS_HANDSHAKE = b"\x16"


@dataclass
class Heard:
    """One request as it came over the wire; header names are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Heard], Awaitable[bytes] | bytes]


@dataclass
class RawServer:
    """Answers each request with `answer` and then closes the connection."""

    answer: Answer
    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has begun to arrive at a silent server."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closes a connection before it had its answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _read(reader)
            self.heard.append(request)
            answer = self.answer(request)
            if not isinstance(answer, bytes):
                answer = await answer
            writer.write(answer)
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def handle_silently(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a request and never answer; wait until the client gives up."""
        with suppress(ConnectionError):
            while await reader.read(65_536):
                self.is_asked.set()
        self.hung_up.set()
        writer.close()


@asynccontextmanager
async def serve(answer: Answer | None) -> AsyncIterator[RawServer]:
    """Serve on a free port; without an answer the server takes requests and stays silent."""
    raw = RawServer(answer=answer or (lambda _: b""))
    handle = raw.handle if answer else raw.handle_silently
    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1_024)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        server.close()
        await server.wait_closed()


def http(status: str = "200 OK", body: bytes = b"", *headers: str, sized: bool = True) -> bytes:
    """Write an answer; `sized` adds its Content-Length."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if sized else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def _read(reader: asyncio.StreamReader) -> Heard:
    start = await reader.readexactly(1)
    if start == _TLS_HANDSHAKE:  # web servers answer this at once, with a 400
        return Heard(line="", headers={}, body=b"")
    head = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (part.partition(":") for part in rest)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Heard(line=line, headers=headers, body=body)
