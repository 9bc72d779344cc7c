"""HTTP for measuring: requests made beforehand, one kept-alive connection each, next to no work here.

A full HTTP client would cost as much as what is measured. This one knows answers with a Content-Length or in
chunks, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Self
from urllib.parse import urlsplit

_LIMIT = 1 << 24


def request_bytes(
    method: str,
    target: str,
    *,
    host: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> bytes:
    """Write a request down; `host` and the length of the body are added."""
    dropped = {"host", "content-length", "connection", "transfer-encoding"}
    lines = [
        f"{method} {target} HTTP/1.1",
        f"host: {host}",
        *(f"{name}: {value}" for name, value in headers if name.lower() not in dropped),
        f"content-length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1") + body


def json_request(method: str, target: str, *, host: str, body: object = None) -> bytes:
    """Write a request with a JSON body, or without one."""
    content = b"" if body is None else json.dumps(body).encode()
    headers = [("content-type", "application/json")]
    return request_bytes(method, target, host=host, headers=headers, body=content)


class BenchError(Exception):
    """Something measured does not work; the text says what."""


class Connection:
    """A connection to one origin; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.headers: dict[str, str] = {}
        """Of the last answer, with names in lower case."""

    @classmethod
    async def open(cls, origin: str) -> Self:
        """Connect; raises BenchError when nobody is there."""
        address = urlsplit(origin)
        port = address.port or (443 if address.scheme == "https" else 80)
        is_https = address.scheme == "https"
        try:
            streams = await asyncio.open_connection(
                address.hostname, port, ssl=is_https or None, limit=_LIMIT
            )
        except OSError as error:
            raise BenchError(f"Nobody answers at {origin}: {error.strerror or error}.") from error
        return cls(*streams)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return the status and the body of the answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").rstrip().split("\r\n")
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        if "content-length" in self.headers:
            body = await self._reader.readexactly(int(self.headers["content-length"]))
        else:
            body = await self._chunks() if "transfer-encoding" in self.headers else b""
        return int(status.split()[1]), body

    async def _chunks(self) -> bytes:
        body = bytearray()
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")
        return bytes(body)


async def ask(origin: str, method: str, target: str, body: object = None) -> Any:
    """Make one request on a connection of its own; return the JSON of the answer.

    Raises:
        BenchError: the answer is no success.
    """
    async with await Connection.open(origin) as connection:
        request = json_request(method, target, host=urlsplit(origin).netloc, body=body)
        status, answer = await connection.exchange(request)
    if status >= 300:
        raise BenchError(f"{method} {origin}{target} answered {status}: {answer[:500]!r}")
    return json.loads(answer) if answer.strip() else None
