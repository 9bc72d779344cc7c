"""Connections to apps: kept between calls, never shared; what an app does wrong is an httpx error."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from durable_engine.connecting import why_no_connection
from durable_engine.sdk import connections
from durable_engine.sdk.client import SDKClient
from durable_engine.sdk.connections import BURST_CALLS, Address, AppConnections, Timeouts

pytestmark = pytest.mark.anyio
PATIENCE_S = 60
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
Script = Callable[["Wire"], Awaitable[None]]


@dataclass
class Wire:
    """One connection as the app has it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self) -> bytes:
        """Return the next request, head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
        )
        return head + await self.reader.readexactly(length)

    async def answer(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


@dataclass
class App:
    """A server that does with each connection what `script` says, and then closes it."""

    script: Script
    port: int = 0
    wires: list[Wire] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/inngest?fnId=a&stepId=step"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        async with self.came:
            self.wires.append(wire)
            self.came.notify_all()
        try:
            await self.script(wire)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            wire.gone.set()

    async def has(self, count: int) -> None:
        """Return once so many connections have come."""
        async with self.came:
            await asyncio.wait_for(self.came.wait_for(lambda: len(self.wires) >= count), PATIENCE_S)


@asynccontextmanager
async def app(script: Script) -> AsyncIterator[tuple[App, AppConnections]]:
    served = App(script)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    pool = AppConnections()
    try:
        yield served, pool
    finally:
        await pool.aclose()
        server.close()
        for wire in served.wires:
            await asyncio.wait_for(wire.gone.wait(), PATIENCE_S)


def idle_count(pool: AppConnections) -> int:
    """Return how many connections are open that nobody uses."""
    return sum(map(len, pool._idle.values()))


async def ask(
    pool: AppConnections, url: str, content: bytes = b"{}", *, timeout_s: float = PATIENCE_S
) -> bytes:
    """Send a request and return the whole body of its answer."""
    timeouts = Timeouts(connect_s=PATIENCE_S, read_s=timeout_s)
    response = await pool.send(
        "POST", Address.of(httpx.URL(url)), headers={}, content=content, timeouts=timeouts
    )
    try:
        return b"".join([chunk async for chunk in response.raw()])
    finally:
        await response.aclose()


async def answers_all(wire: Wire) -> None:
    while True:
        await wire.request()
        await wire.answer(OK)


async def test_calls_one_after_the_other_go_over_one_connection() -> None:
    async with app(answers_all) as (served, pool):
        for _ in range(3):
            response = await ask(pool, served.url)
            assert response == b"ok"
        assert len(served.wires) == 1


async def test_a_request_names_its_host_first_and_says_how_long_its_body_is() -> None:
    requests: list[bytes] = []

    async def script(wire: Wire) -> None:
        while True:
            requests.append(await wire.request())
            await wire.answer(OK)

    async with app(script) as (served, pool):
        for method, content in (("POST", b"{}"), ("PUT", None), ("GET", None)):
            address, timeouts = (
                Address.of(httpx.URL(served.url)),
                Timeouts(connect_s=PATIENCE_S, read_s=PATIENCE_S),
            )
            answer = await pool.send(
                method, address, headers={"X-Run-ID": "r"}, content=content, timeouts=timeouts
            )
            assert [chunk async for chunk in answer.raw()] == [b"ok"]
            await answer.aclose()
    start = f"/api/inngest?fnId=a&stepId=step HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nX-Run-ID: r\r\n"
    assert [request.decode() for request in requests] == [
        f"POST {start}Content-Length: 2\r\n\r\n{{}}",
        f"PUT {start}Content-Length: 0\r\n\r\n",
        f"GET {start}\r\n",
    ]


@pytest.mark.parametrize("text", ["a\r\nX-Other: b", "a\nb", "a\0b", "\x7f", "\x1b[0m", "é"])
async def test_what_no_header_may_have_is_never_sent(text: str) -> None:
    async with app(answers_all) as (served, pool):
        address, timeouts = (
            Address.of(httpx.URL(served.url)),
            Timeouts(connect_s=PATIENCE_S, read_s=PATIENCE_S),
        )
        for headers in ({"X-Inngest-Step-ID": text}, {text: "a"}):
            with pytest.raises((httpx.LocalProtocolError, UnicodeError)):
                await pool.send("POST", address, headers=headers, content=None, timeouts=timeouts)
        assert served.wires == []
    assert pool._open_calls == 0


async def test_headers_of_an_answer_have_lower_case_names_and_one_value_each() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.answer(
            "HTTP/1.1 200 OK\r\nX-One: ä\r\nVary: a\r\nvary: b\r\n".encode()
            + b"X-Old: \xe4\r\nContent-Length: 0\r\n\r\n"
        )

    async with app(script) as (served, pool):
        address, timeouts = (
            Address.of(httpx.URL(served.url)),
            Timeouts(connect_s=PATIENCE_S, read_s=PATIENCE_S),
        )
        answer = await pool.send("GET", address, headers={}, content=None, timeouts=timeouts)
        assert answer.headers == {"x-one": "ä", "vary": "a, b", "x-old": "ä", "content-length": "0"}
        await answer.aclose()


async def test_head_and_body_are_sent_whole() -> None:
    requests: list[bytes] = []

    async def script(wire: Wire) -> None:
        requests.append(await wire.request())
        await wire.answer(OK)

    async with app(script) as (served, pool):
        await ask(pool, served.url, b"x" * 3_000_000)
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/inngest?fnId=a&stepId=step HTTP/1.1\r\nHost: 127.0.0.1:")
    assert body == b"x" * 3_000_000


async def test_calls_at_once_have_connections_of_their_own_which_do_not_stay() -> None:
    count = BURST_CALLS * 3
    all_came = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await all_came.wait()
        await wire.answer(OK)
        await answers_all(wire)

    async with app(script) as (served, pool):
        calls = asyncio.gather(*(ask(pool, served.url) for _ in range(count)))
        await served.has(count)
        all_came.set()
        await calls
        # Those that follow at once use them again, however many are open.
        await asyncio.gather(*(ask(pool, served.url) for _ in range(count)))
        assert len(served.wires) == count
        assert idle_count(pool) == count
        for connection in [known for idle in pool._idle.values() for known in idle]:
            connection.idle_since_s -= connections.KEEPALIVE_S
        pool._close_old()
        assert idle_count(pool) == 0


async def test_what_was_idle_for_long_is_not_trusted_and_in_a_burst_much_less() -> None:
    async with app(answers_all) as (served, pool):
        await ask(pool, served.url)
        ((connection,),) = pool._idle.values()
        now_s = asyncio.get_running_loop().time()
        connection.idle_since_s = now_s - connections.KEEPALIVE_S * 0.8
        await ask(pool, served.url)
        assert len(served.wires) == 1
        connection.idle_since_s = now_s - connections.KEEPALIVE_S * 0.8
        pool._open_calls += BURST_CALLS
        await ask(pool, served.url)
        assert len(served.wires) == 2


async def test_a_connection_that_the_app_closed_meanwhile_is_not_used() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.answer(OK)

    async with app(script) as (served, pool):
        for _ in range(3):
            await ask(pool, served.url)
            await asyncio.wait_for(served.wires[-1].gone.wait(), PATIENCE_S)
            await served.wires[-1].writer.wait_closed()
        assert len(served.wires) == 3


async def test_a_close_that_the_loop_has_not_seen_yet_is_heard_before_the_next_call() -> None:
    """A busy loop hears of it late; a request that is sent meanwhile would be a failed attempt."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        pool = AppConnections()
        for _ in range(2):
            call = asyncio.create_task(ask(pool, url))
            with await asyncio.to_thread(lambda: listener.accept()[0]) as wire:
                await asyncio.to_thread(wire.recv, 65_536)
                wire.sendall(OK)
                await call
            # The app has closed, and the loop has had no turn since.
        await pool.aclose()


async def test_a_connection_whose_request_was_not_read_to_its_end_is_not_used_again() -> None:
    async def script(wire: Wire) -> None:
        await wire.reader.readuntil(b"\r\n\r\n")
        await wire.answer(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await pool_answered.wait()

    pool_answered = asyncio.Event()
    async with app(script) as (served, pool):
        await ask(pool, served.url, b"x" * 8_000_000)
        assert idle_count(pool) == 0
        pool_answered.set()


async def test_what_is_given_back_after_the_end_is_closed() -> None:
    async with app(answers_all) as (served, pool):
        timeouts = Timeouts(connect_s=PATIENCE_S, read_s=PATIENCE_S)
        address = Address.of(httpx.URL(served.url))
        response = await pool.send("POST", address, headers={}, content=b"{}", timeouts=timeouts)
        await pool.aclose()
        assert [chunk async for chunk in response.raw()] == [b"ok"]
        await response.aclose()
        assert idle_count(pool) == 0
        await asyncio.wait_for(served.wires[0].gone.wait(), PATIENCE_S)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nconte"])
async def test_an_app_that_hangs_up_without_an_answer_is_a_protocol_error(sent: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.answer(sent)

    async with app(script) as (served, pool):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(pool, served.url)
        assert idle_count(pool) == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        CHUNKED + b"4\r\nhalf\r\n",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-long: y\r\n" * 20_000 + b"\r\n",
    ],
)
async def test_an_answer_that_is_none_is_a_protocol_error(answer: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.answer(answer)

    async with app(script) as (served, pool):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(pool, served.url)
        assert idle_count(pool) == 0


@pytest.mark.parametrize(
    ("answer", "body", "stays"),
    [
        (CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc", True),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, b"ok", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", b"ok", False),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end", False),
        (OK + b"more than was asked for", b"ok", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n" + b"x" * 70_000, b"x" * 70_000, True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"", True),
    ],
)
async def test_answers_in_every_form_are_read(answer: bytes, body: bytes, *, stays: bool) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.answer(answer)
        if stays:
            await wire.reader.read()

    async with app(script) as (served, pool):
        assert await ask(pool, served.url) == body
        assert idle_count(pool) == stays


async def test_silence_is_a_time_out_and_ends_the_connection() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
        await wire.reader.read()

    async with app(script) as (served, pool):
        with pytest.raises(httpx.ReadTimeout):
            await ask(pool, served.url, timeout_s=0.01)
        await asyncio.wait_for(served.wires[0].gone.wait(), PATIENCE_S)


async def test_a_call_that_is_given_up_ends_its_connection() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.reader.read()

    async with app(script) as (served, pool):
        call = asyncio.create_task(ask(pool, served.url))
        await served.has(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(served.wires[0].gone.wait(), PATIENCE_S)
        assert pool._open_calls == 0


async def test_nobody_there_is_a_connect_error() -> None:
    async with app(answers_all) as (served, pool):
        free = served.port
    with pytest.raises(httpx.ConnectError):
        await ask(pool, f"http://127.0.0.1:{free}/")
    with pytest.raises(httpx.ConnectError):
        await ask(pool, f"https://127.0.0.1:{free}/")
    assert pool._open_calls == 0


async def test_a_plain_server_under_https_is_a_connect_error() -> None:
    async def script(wire: Wire) -> None:
        await wire.reader.read(1)
        await wire.answer(OK)

    async with app(script) as (served, pool):
        with pytest.raises(httpx.ConnectError):
            await ask(pool, served.url.replace("http:", "https:"))


@pytest.mark.parametrize("target", ["ftp://127.0.0.1:1/x", "file:///etc/passwd", "http://127.0.0.1:0/"])
async def test_a_redirect_to_what_is_no_web_address_is_refused_in_words(target: str) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.answer(f"HTTP/1.1 307 X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode())

    client = SDKClient()
    async with app(script) as (served, _):
        with pytest.raises(httpx.InvalidURL, match=f"redirects to '{target}'"):
            await client.sync(served.url)
        await client.close()


async def test_what_speaks_no_tls_or_has_no_name_is_not_called_nobody() -> None:
    async def script(wire: Wire) -> None:
        await wire.reader.read(1)
        await wire.answer(OK)

    client = SDKClient()
    async with app(script) as (served, _):
        url = served.url.replace("http:", "https:")
        with pytest.raises(httpx.ConnectError) as raised:
            await client.sync(url)
        assert "Does this port speak https?" in str(why_no_connection(raised.value, "the app"))
        with pytest.raises(httpx.ConnectError) as raised:
            await client.sync("http://nobody.invalid/")
        assert "'nobody.invalid' has no address" in str(why_no_connection(raised.value, "the app"))
        await client.close()
