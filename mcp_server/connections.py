"""Connections that are open at once: bounded in number, and none of them for nothing.

A client that does not send its request, or sends it a byte now and then, is let go. When as many are open as
there may be, one that is idle makes room; with all of them at work the new one is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS: Final = 2_000
HEADERS_TIMEOUT_S: Final = 10.0
"""From a connection's first moment, or the first byte of its next request, to the end of the headers."""
BODY_TIMEOUT_S: Final = 20.0
"""In which at least `MIN_BODY_BYTES` of a body have to come, or its end, while they are read."""
MIN_BODY_BYTES: Final = 16 * 1024
_FILES: Final = 65_536
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: 42\r\n\r\nStepcue has too many connections open now."
)
_SLOW: Final = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\ncontent-length: 37\r\n\r\nThe request did not come fast enough."
)

logger = logging.getLogger(__name__)


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol, with time-outs for what a client sends and a bound for all connections."""

    _watch: asyncio.TimerHandle | None = None
    _came = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, if there is room for it."""
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > MAX_CONNECTIONS and not self._make_room():
            logger.warning("refused a connection: %d are open and at work", MAX_CONNECTIONS)
            self.transport.write(_FULL)
            self.transport.close()
            return
        self._expect(HEADERS_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._expect(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and say how long the rest may take."""
        before = self.conn.their_state
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._came += len(data)
            if before is not h11.SEND_BODY or self._watch is None:
                self._came = 0
                self._expect(BODY_TIMEOUT_S)
        elif state is not h11.IDLE:
            self._expect(None)
        elif self._watch is None:  # the beginning of the next request
            self._expect(HEADERS_TIMEOUT_S)

    def on_response_complete(self) -> None:
        """Go on with what came meanwhile, which may be the beginning of the next request."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and self._watch is None:
            self._came = 0
            self._expect(BODY_TIMEOUT_S)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered on it."""
        return self.cycle is None or self.cycle.response_complete

    def _expect(self, seconds: float | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = None if seconds is None else self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._watch = None
        # What we do not read cannot come, nor what we have not asked for.
        is_asked = not (self.cycle and self.cycle.waiting_for_100_continue)
        comes = self._came >= MIN_BODY_BYTES or self.flow.read_paused or not is_asked
        if self.conn.their_state is h11.SEND_BODY and comes:
            self._came = 0
            self._expect(BODY_TIMEOUT_S)
            return
        if self._has_begun() and not (self.cycle and self.cycle.response_started):
            self.transport.write(_SLOW)
        self.transport.close()

    def _has_begun(self) -> bool:
        """Whether a part of a request came that is not answered."""
        return self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0])

    def _make_room(self) -> bool:
        """Close a connection on which nothing goes on; False if there is none."""
        idle: Any = next((other for other in self.connections if other is not self and _is_idle(other)), None)
        if idle is None:
            return False
        idle.transport.close()
        self.connections.discard(idle)
        return True


def _is_idle(connection: object) -> bool:
    return isinstance(connection, BoundedProtocol) and connection.is_idle


def allow_many_files() -> None:
    """Let this process have as many files and connections open as it may: many systems begin with 1,024.

    Besides `MAX_CONNECTIONS`, up to 1,000 calls of apps and as many requests of steps may be open.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
