"""One connection to an app: a request at a time, whole, and its answer as it comes.

A small answer in the plainest form is read here, all others by h11.
"""

from __future__ import annotations

import asyncio
import select
import sys
from functools import lru_cache
from typing import Final, TypeAlias, cast

import h11
import httpx

from durable_engine.sdk.plain_answers import PlainHead, read_plain_head

Answer: TypeAlias = tuple[int, dict[str, str], bytes | None]
"""Status, headers, and the whole body if it is there with them. Header names are in lower case; what comes
several times is one value, as HTTP has it."""

_MAX_HEAD_BYTES: Final = 100 * 1024
_KNOWN: Final = 256
_WITHOUT_BODY: Final = frozenset({"HEAD", "CONNECT"})
"""Methods whose answers have none, whatever their head says."""


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self) -> None:
        self._transport = asyncio.Transport()  # until there is one
        self._loop = asyncio.get_running_loop()
        self._method = ""
        """Of the request that is being answered; empty without one."""
        self._came = b""
        """What has come of an answer that looks plain."""
        self._plain: PlainHead | None = None
        self._http: h11.Connection | None = None
        """Reads an answer that is not plain."""
        self._news: asyncio.Future[None] | None = None
        self._fault: Exception | None = None
        self._silence_s = 0.0
        self._heard_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.is_alive = True
        self.idle_since_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Know where to write."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take what came, and tell who waits if it is whole or not plain."""
        if not self._method:  # nobody has asked
            self.close()
        elif self._http is not None:
            self._http.receive_data(data)
            self._tell()
        else:
            self._came += data
            if self._plain is None:
                self._plain = read_plain_head(self._came)
            if self._plain is None or len(self._came) > self._plain.end:
                self._leave_to_h11()
                self._tell()
            elif len(self._came) == self._plain.end:
                self._method = ""
                self._tell()
            else:
                self._heard_s = self._loop.time()

    def eof_received(self) -> None:
        """Take what is there as all that will ever come."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take what is there as all, and `exc` as the reason."""
        self._end(exc)

    def close(self) -> None:
        """Close at once."""
        self.is_alive = False
        self._transport.abort()
        self._stop_timer()

    def is_quiet(self) -> bool:
        """Whether nothing came while it was idle, such as the app's close, even what the loop has yet to see.

        A busy loop hears of a close late, and a request sent meanwhile is a failed attempt.
        """
        return self.is_alive and not _is_readable(self._transport.get_extra_info("socket").fileno())

    def is_reusable(self) -> bool:
        """Whether the exchange is over and another one may follow; it is idle from now on then."""
        if self._http is not None:
            states = (self._http.our_state, self._http.their_state)
            if states == (h11.DONE, h11.DONE) and not self._http.trailing_data[0]:
                self._http, self._method = None, ""
        # The app may have answered before it has read all.
        if not self.is_alive or self._method or self._transport.get_write_buffer_size():
            return False
        self.idle_since_s = self._loop.time()
        return True

    async def ask(self, method: str, data: bytes, silence_s: float) -> Answer:
        """Send a whole request and return the head of its answer; `silence_s` bounds silence."""
        try:
            _announced(method)
        except h11.LocalProtocolError as fault:
            raise httpx.LocalProtocolError(str(fault)) from fault
        self._method, self._silence_s = method, silence_s
        if method in _WITHOUT_BODY:
            self._leave_to_h11()
        self._transport.write(data)
        if self.is_alive:
            await self._wait()
        if not self._method and self._plain is not None:
            plain, whole = self._plain, self._came[self._plain.size :]
            self._plain, self._came = None, b""
            return plain.status, plain.headers, whole
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return event.status_code, _by_name(event), None

    async def read(self) -> bytes | None:
        """Return the next piece of a body that did not come with its head; None at the end."""
        event = await self._next_event()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    def _leave_to_h11(self) -> h11.Connection:
        """Let h11 read the answer, from its beginning."""
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        for event in _announced(self._method):
            http.send(event)
        if self._came:
            http.receive_data(self._came)
        self._plain, self._came, self._http = None, b"", http
        return http

    async def _next_event(self) -> h11.Event:
        http = self._http or self._leave_to_h11()
        while True:
            try:
                event = http.next_event()
            except h11.RemoteProtocolError as fault:
                raise httpx.RemoteProtocolError(str(fault)) from fault
            if isinstance(event, h11.Event):
                return event
            if self.is_alive:
                await self._wait()
            else:
                self._end_answer(http)

    def _end_answer(self, http: h11.Connection) -> None:
        """Say that the answer broke off, or let h11 say it, which knows whether its end is an end."""
        if self._fault is not None:
            raise httpx.ReadError(str(self._fault)) from self._fault
        if http.their_state is h11.SEND_RESPONSE:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        http.receive_data(b"")

    async def _wait(self) -> None:
        self._news = self._loop.create_future()
        self._heard_s = self._loop.time()
        self._set_timer()
        try:
            await self._news
        finally:
            self._news = None

    def _set_timer(self) -> None:
        """Set the timer for silence, unless it runs: it goes on from call to call, as few need it."""
        due_s = self._heard_s + self._silence_s
        if self._timer is not None and self._timer.when() <= due_s:
            return
        self._stop_timer()
        self._timer = self._loop.call_at(due_s, self._look_for_silence)

    def _look_for_silence(self) -> None:
        self._timer = None
        if self._news is None or self._news.done():
            return
        if self._loop.time() < self._heard_s + self._silence_s:
            self._set_timer()
        else:
            self._news.set_exception(httpx.ReadTimeout("the app was silent for too long"))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _end(self, fault: Exception | None) -> None:
        if self.is_alive:
            self.is_alive = False
            self._fault = fault
            self._stop_timer()
            self._tell()


def _is_readable(fd: int) -> bool:
    if sys.platform == "win32":
        return bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _by_name(head: h11.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("ascii"), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


@lru_cache(maxsize=_KNOWN)
def _announced(method: str) -> tuple[h11.Event, ...]:
    """Return the events after which h11 expects the answer to a request, which is written without it."""
    return h11.Request(method=method, target="/", headers=[("Host", "app")]), h11.EndOfMessage()
