"""One connection, byte by byte: however an answer is cut into pieces, it is the same answer."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from durable_engine.sdk.connection import Answer, Connection

pytestmark = pytest.mark.anyio
PATIENCE_S = 60.0
OK = b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


class Line(asyncio.Transport):
    """A transport that leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def abort(self) -> None:
        self.is_open = False

    def get_write_buffer_size(self) -> int:
        return 0


def connect() -> tuple[Connection, Line]:
    connection, line = Connection(), Line()
    connection.connection_made(line)
    return connection, line


async def begin(
    connection: Connection, *pieces: bytes, method: str = "POST", silence_s: float = PATIENCE_S
) -> asyncio.Task[Answer]:
    """Ask, and let these pieces of an answer come, each in a turn of the loop of its own."""
    call = asyncio.create_task(connection.ask(method, b"asked", silence_s))
    await asyncio.sleep(0)
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0)
    return call


async def body_of(connection: Connection, answer: Answer) -> bytes:
    whole = answer[2] or b""
    if answer[2] is None:
        while (piece := await connection.read()) is not None:
            whole += piece
    return whole


@pytest.mark.parametrize("answer", [OK, CHUNKED])
async def test_an_answer_may_be_cut_anywhere(answer: bytes) -> None:
    connection, line = connect()
    for place in range(1, len(answer)):
        call = await begin(connection, answer[:place], answer[place:])
        status, headers, _ = came = await call
        assert (status, len(headers)) == (200, 2 if answer is OK else 1)
        assert await body_of(connection, came) == b"ok"
        assert connection.is_reusable()
    assert line.written == b"asked" * (len(answer) - 1)


@pytest.mark.parametrize("answer", [OK, CHUNKED])
async def test_an_answer_that_breaks_off_is_a_protocol_error_wherever_it_does(answer: bytes) -> None:
    for place in range(len(answer)):
        connection, _ = connect()
        call = await begin(connection, *[answer[:place]] * bool(place))
        connection.eof_received()
        with pytest.raises(httpx.RemoteProtocolError):
            await body_of(connection, await call)
        assert not connection.is_reusable()


async def test_a_connection_that_breaks_says_why() -> None:
    connection, _ = connect()
    call = await begin(connection, OK[:-1])
    connection.connection_lost(ConnectionResetError("reset by somebody"))
    with pytest.raises(httpx.ReadError, match="reset by somebody"):
        await body_of(connection, await call)


@pytest.mark.parametrize("answer", [OK, CHUNKED])
async def test_what_comes_after_an_answer_ends_the_connection_and_not_the_answer(answer: bytes) -> None:
    for pieces in ((answer + b"HTTP/1.1 200",), (answer, b"HTTP/1.1 200")):
        connection, _ = connect()
        call = await begin(connection, *pieces)
        assert await body_of(connection, await call) == b"ok"
        assert not connection.is_reusable()


async def test_what_comes_unasked_ends_the_connection() -> None:
    connection, line = connect()
    assert await body_of(connection, await (await begin(connection, OK))) == b"ok"
    assert connection.is_reusable()
    connection.data_received(OK)
    assert not line.is_open
    assert not connection.is_alive
    with pytest.raises(httpx.RemoteProtocolError):
        await (await begin(connection))


async def test_the_answer_to_head_has_no_body_whatever_it_says() -> None:
    connection, _ = connect()
    call = await begin(connection, OK[:-2], method="HEAD")
    assert await body_of(connection, await call) == b""
    assert connection.is_reusable()


async def test_silence_counts_from_what_came_last_and_for_each_call_anew() -> None:
    now_s = asyncio.get_running_loop().time()
    connection, _ = connect()
    for silence_s in (PATIENCE_S, 10.0, 30.0):
        call = await begin(connection, OK[:-1], silence_s=silence_s)
        timer = connection._timer
        assert timer is not None
        assert timer.when() <= now_s + silence_s + 1
        connection._look_for_silence()  # too early: it goes on
        assert not call.done()
        assert connection._timer is not None
        connection.data_received(OK[-1:])
        assert await body_of(connection, await call) == b"ok"
        assert connection.is_reusable()
    connection.close()
    assert connection._timer is None


async def test_who_is_silent_after_the_head_is_given_up() -> None:
    connection, _ = connect()
    call = await begin(connection, OK[:-1], silence_s=0.0)
    with pytest.raises(httpx.ReadTimeout):
        await call
