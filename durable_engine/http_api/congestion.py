"""Bodies that are held at once: bounded by count and size, so that a flood of events stays with who sends it.

A request for which there is no room is not read: its sender waits, as TCP lets it. When too many wait, the
next is refused with 503, which SDKs send again (Python: any 5xx, not 429; TypeScript: whatever is not 200;
both five times, and neither looks at `Retry-After`), with the same seed, so that no event counts twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from durable_engine.http_api.bodies import MAX_BODY_BYTES

MAX_AT_WORK: Final = 8
"""Requests with events that are read, stored and answered at once; more would not be stored sooner."""
MAX_HELD_BYTES: Final = 48 * 1024 * 1024
"""Their bodies together: the largest, and small ones beside it."""
MAX_WAITING: Final = 1_000
MAX_WAITING_BYTES: Final = 256 * 1024 * 1024
"""What they announce; none of it is read before its turn."""
_RETRY_AFTER_S: Final = 1
_TAKING_IN: Final = ("/e/", "/invoke/")
_SMALL: Final = 64 * 1024
"""Bodies of other requests that are held without asking: uvicorn reads as much anyway."""
_ERROR: Final = (
    "Stepcue is taking in as many requests as it can hold. Nothing of this one was stored: send it again."
)


class TooManyRequestsError(Exception):
    """There is no room, and too many wait for it already."""


class Room:
    """Room for so many requests, and so many bytes, at once; first come, first served."""

    def __init__(self) -> None:
        self._requests = 0
        self._bytes = 0
        self._waiting_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    @asynccontextmanager
    async def held(self, size: int) -> AsyncIterator[None]:
        """Hold a body of `size` bytes while entered; waits for room.

        Raises:
            TooManyRequestsError: too many wait already.
        """
        if self._waiting or not self._fits(size):
            await self._wait(size)
        else:
            self._enter(size)
        try:
            yield
        finally:
            self._requests -= 1
            self._bytes -= size
            self._admit()

    async def _wait(self, size: int) -> None:
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes + size > MAX_WAITING_BYTES:
            raise TooManyRequestsError
        entry = (size, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._waiting_bytes += size
        try:
            await entry[1]
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._waiting_bytes -= size
            else:  # its turn had come
                self._requests -= 1
                self._bytes -= size
            self._admit()
            raise

    def _fits(self, size: int) -> bool:
        # One that is alone fits, whatever its size: the limit of one body is another.
        return self._requests == 0 or (self._requests < MAX_AT_WORK and self._bytes + size <= MAX_HELD_BYTES)

    def _enter(self, size: int) -> None:
        self._requests += 1
        self._bytes += size

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, turn = self._waiting.popleft()
            self._waiting_bytes -= size
            self._enter(size)
            if not turn.done():  # else its request was cancelled a moment ago, and will leave by itself
                turn.set_result(None)


class Congestion:
    """ASGI middleware: a request is served when there is room for its body.

    What takes in events has room of its own, so that answers of apps and questions of tools never wait for
    it. Other bodies ask only if they are large. `/mcp` has a limit of its own and is not asked.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._for_events = Room()
        self._for_others = Room()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        room, size = self._room(scope)
        if room is None:
            await self._app(scope, receive, send)
            return
        try:
            async with room.held(size):
                await self._app(scope, receive, send)
        except TooManyRequestsError:
            body = {"ids": [], "status": 503, "error": _ERROR}
            headers = {"Retry-After": str(_RETRY_AFTER_S)}
            await JSONResponse(body, status_code=503, headers=headers)(scope, receive, send)

    def _room(self, scope: Scope) -> tuple[Room | None, int]:
        """Return the room that a request needs, and how much of it."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            return None, 0
        headers = Headers(scope=scope)
        size = _size(headers.get("content-length"))
        if scope["path"].startswith(_TAKING_IN):
            return self._for_events, size
        is_large = size > _SMALL and "content-length" in headers and not scope["path"].startswith("/mcp")
        return (self._for_others if is_large else None), size


def _size(declared: str | None) -> int:
    """Return how large a body may be; one that does not say, as large as any."""
    is_number = declared is not None and declared.isascii() and declared.isdecimal() and len(declared) < 12
    return min(int(declared or 0), MAX_BODY_BYTES) if is_number else MAX_BODY_BYTES
