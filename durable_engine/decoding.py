"""Answers that come compressed, undone piece by piece, so that a small one cannot become a huge one.

httpx undoes each chunk as a whole: 64 KiB of gzip are 64 MiB, and compressed twice any number of GiB.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

import httpx

_PIECE_BYTES: Final = 64 * 1024
_WINDOW_BITS: Final[Mapping[str, int]] = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_WITHOUT_HEADER: Final = -15
"""Some servers mean by deflate the bare data."""


def decoded(response: httpx.Response, *, most: int, too_large: Exception) -> AsyncIterator[bytes]:
    """Yield the body of a response as `decompressed` does, which it may be already."""
    if response.is_stream_consumed:
        return response.aiter_bytes()
    encoding = response.headers.get("content-encoding", "")
    return decompressed(response.aiter_raw(), encoding, most=most, too_large=too_large)


def decompressed(
    chunks: AsyncIterator[bytes], encoding: str, *, most: int, too_large: Exception
) -> AsyncIterator[bytes]:
    """Yield what comes with this `Content-Encoding`; encodings that are not known stay as they are.

    Raises while it is read:
        httpx.DecodingError: it is not what its `Content-Encoding` says.
        too_large: what it looks like on its way, before it is decompressed for the last time, is over `most`
            bytes. The reader bounds the rest.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    while names:
        name = names.pop()
        if name in _WINDOW_BITS:
            chunks = _inflated(_bounded(chunks, most, too_large), name)
        elif name not in {"", "identity"}:
            break
    return chunks


async def _bounded(chunks: AsyncIterator[bytes], most: int, too_large: Exception) -> AsyncIterator[bytes]:
    left = most
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise too_large
        yield chunk


async def _inflated(chunks: AsyncIterator[bytes], name: str) -> AsyncIterator[bytes]:
    inflater = zlib.decompressobj(_WINDOW_BITS[name])
    is_first = True
    async for chunk in chunks:
        data = chunk
        # What follows the end is ignored, as httpx and browsers do; the inflater would collect it.
        while not inflater.eof:
            try:
                piece = inflater.decompress(data, _PIECE_BYTES)
            except zlib.error as fault:
                if name != "deflate" or not is_first:
                    raise httpx.DecodingError(str(fault)) from None
                inflater, is_first = zlib.decompressobj(_WITHOUT_HEADER), False
                continue
            is_first = False
            yield piece
            data = inflater.unconsumed_tail
            if not data and len(piece) < _PIECE_BYTES:
                break
