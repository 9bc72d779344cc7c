"""Connections on a real port: slow ones are let go, and there are never more than so many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mcp_server import connections
from mcp_server.connections import BoundedProtocol
from mcp_server.serving import listen

pytestmark = pytest.mark.anyio

SHORT_S = 0.05
HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n"


class Site:
    """Answers `POST /` once the body is there, and `GET /` once the test lets it; reads bodies when told."""

    def __init__(self) -> None:
        self.port = 0
        self.gate = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.asked = asyncio.Semaphore(0)

    async def post(self, request: Request) -> Response:
        await self.reads.wait()
        return PlainTextResponse(str(len(await request.body())))

    async def get(self, _: Request) -> Response:
        self.asked.release()
        await self.gate.wait()
        return PlainTextResponse("here")

    async def open(self, sends: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sends)
        await writer.drain()
        return reader, writer


@asynccontextmanager
async def _site() -> AsyncIterator[Site]:
    site = Site()
    app = Starlette(routes=[Route("/", site.post, methods=["POST"]), Route("/", site.get, methods=["GET"])])
    config = uvicorn.Config(app, http=BoundedProtocol, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    sockets = listen("127.0.0.1", 0)
    site.port = sockets[0].getsockname()[1]
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=sockets)
    try:
        yield site
    finally:
        site.gate.set()
        server.force_exit = True
        await server.shutdown(sockets=sockets)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(60):
        return await reader.read()


async def test_who_sends_no_request_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT_S", SHORT_S)
    async with _site() as site:
        silent, one = await site.open()
        begun, two = await site.open(b"POST / HTTP/1.1\r\nhost: a\r\nx-slow: ")
        assert await _rest(silent) == b""
        assert (await _rest(begun)).startswith(b"HTTP/1.1 408 ")
        one.close()
        two.close()


async def test_a_body_that_hardly_comes_is_given_up_and_one_that_comes_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "BODY_TIMEOUT_S", SHORT_S)
    async with _site() as site:
        reader, writer = await site.open(HEAD + b"x")
        assert (await _rest(reader)).startswith(b"HTTP/1.1 408 ")
        writer.close()
    monkeypatch.setattr(connections, "BODY_TIMEOUT_S", 60)
    async with _site() as site:
        reader, writer = await site.open(HEAD + b"x" * 60_000)
        writer.write(b"x" * 40_000)
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.close()


async def test_a_body_that_begins_behind_another_request_is_given_up_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "BODY_TIMEOUT_S", SHORT_S)
    async with _site() as site:
        reader, writer = await site.open(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + HEAD + b"x")
        await site.asked.acquire()
        site.gate.set()
        answers = await _rest(reader)
        assert answers.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in answers
        writer.close()


async def test_a_body_that_was_not_asked_for_yet_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_TIMEOUT_S", SHORT_S)
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT_S", 3 * SHORT_S)
    async with _site() as site:
        site.reads.clear()
        reader, writer = await site.open(
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
        )
        silent, other = await site.open()
        assert await _rest(silent) == b""  # longer than the time-out of bodies by now
        site.reads.set()
        assert (await reader.readline()) == b"HTTP/1.1 100 Continue\r\n"
        writer.write(b"ok")
        assert b"HTTP/1.1 200 OK\r\n" in [await reader.readline() for _ in range(4)]
        writer.close()
        other.close()


async def test_an_answer_may_take_as_long_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT_S", SHORT_S)
    monkeypatch.setattr(connections, "BODY_TIMEOUT_S", SHORT_S)
    async with _site() as site:
        reader, writer = await site.open(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await site.asked.acquire()
        silent, other = await site.open()
        assert await _rest(silent) == b""  # longer than any time-out by now
        site.gate.set()
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        other.close()


async def test_an_idle_connection_makes_room_for_a_new_one_and_one_at_work_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    ask = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    async with _site() as site:
        idle, one = await site.open()
        first, two = await site.open(ask)
        await site.asked.acquire()
        second, three = await site.open(ask)
        assert await _rest(idle) == b""
        await site.asked.acquire()
        refused, four = await site.open()
        answer = await _rest(refused)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"too many connections" in answer
        site.gate.set()
        for reader in (first, second):
            assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        for writer in (one, two, three, four):
            writer.close()
