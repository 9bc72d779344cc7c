"""Compressed answers: undone piece by piece, so that bombs are noticed while they go off."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from functools import cache

import httpx
import pytest
from raw_server import http, serve

from durable_engine.bodies import read_bounded
from durable_engine.decoding import decoded
from durable_engine.gateway.client import GatewayClient
from durable_engine.gateway.faults import GatewayFailure
from durable_engine.gateway.request import read_request
from durable_engine.model.status import StepKind
from durable_engine.sdk.client import ReplyTooLargeError, SDKClient

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
TEXT = b"some text " * 10_000


class TooLargeError(Exception):
    pass


class Chunks(httpx.AsyncByteStream):
    def __init__(self, body: bytes, size: int) -> None:
        self._parts = [body[start : start + size] for start in range(0, len(body), size)]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


async def _read(body: bytes, encoding: str, *, most: int = MIB, size: int = 1_000) -> bytes:
    response = httpx.Response(200, headers={"content-encoding": encoding}, stream=Chunks(body, size))
    too_large = TooLargeError()
    chunks = decoded(response, most=most, too_large=too_large)
    return await read_bounded(chunks, most=most, too_large=too_large)


def _bare(body: bytes) -> bytes:
    return zlib.compress(body)[2:-4]


@pytest.mark.parametrize("size", [7, 1_000, MIB])
@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT, mtime=0), "gzip"),
        (gzip.compress(TEXT, mtime=0), "X-GZIP"),
        (zlib.compress(TEXT), "deflate"),
        (_bare(TEXT), "deflate"),
        (gzip.compress(zlib.compress(TEXT), mtime=0), "deflate, gzip"),
        (gzip.compress(TEXT, mtime=0) + b"what follows is ignored", "gzip"),
        (TEXT, "br"),
        (gzip.compress(TEXT, mtime=0), "zstd, gzip"),
    ],
)
async def test_an_answer_is_read_as_it_was_before_it_was_compressed(
    packed: bytes, encoding: str, size: int
) -> None:
    assert await _read(packed, encoding, size=size) == TEXT


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (b"not gzip", "gzip"),
        (b"\xff\xff", "deflate"),
        (gzip.compress(TEXT, mtime=0)[:20] + b"?" * 50, "gzip"),
        (TEXT, "gzip,gzip"),
    ],
)
async def test_what_is_not_compressed_as_it_says_is_told(packed: bytes, encoding: str) -> None:
    with pytest.raises(httpx.DecodingError):
        await _read(packed, encoding)


@cache
def bomb(layers: int) -> tuple[bytes, str]:
    """Return 64 MiB in a few hundred bytes, and how they are compressed."""
    packer = zlib.compressobj(wbits=31)
    body = b"".join(packer.compress(bytes(MIB)) for _ in range(64)) + packer.flush()
    for _ in range(layers - 1):
        body = gzip.compress(body)
    return body, ", ".join(["gzip"] * layers)


@pytest.mark.parametrize("layers", [1, 2, 3])
async def test_a_bomb_is_noticed_before_it_takes_memory(layers: int) -> None:
    body, encoding = bomb(layers)
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        await _read(body, encoding, size=MIB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MIB


async def test_blocks_of_nothing_without_end_are_too_large_too() -> None:
    blocks = gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * 250_000
    with pytest.raises(TooLargeError):
        await _read(blocks, "gzip")


async def test_a_bomb_of_an_app_is_an_answer_that_is_too_large() -> None:
    body, encoding = bomb(2)
    async with serve(lambda _: http("200 OK", body, f"Content-Encoding: {encoding}")) as server:
        client = SDKClient()
        with pytest.raises(ReplyTooLargeError):
            await client.introspect(server.url, timeout_s=30)
        await client.close()


async def test_a_bomb_for_a_fetch_is_an_answer_that_is_too_large() -> None:
    body, encoding = bomb(2)
    async with serve(lambda _: http("200 OK", body, f"Content-Encoding: {encoding}")) as server:
        failure = await GatewayClient().send(read_request(StepKind.FETCH, {"url": server.url}))
    assert isinstance(failure, GatewayFailure)
    assert "over the limit of 4 MiB" in failure.message


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 999 Odd\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x00" * 200_000,
    ],
    ids=["999", "huge header", "headers", "negative", "chunks", "nul"],
)
async def test_answers_that_are_hardly_http_are_failures_of_the_app(answer: bytes) -> None:
    async with serve(lambda _: answer) as server:
        client = SDKClient()
        try:
            heard = await client.introspect(server.url, timeout_s=30)
            assert heard.status == 999
        except httpx.HTTPError:
            pass
        await client.close()
