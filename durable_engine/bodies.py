"""Bodies of HTTP messages: read with a bound, and quoted."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Final

_QUOTE_CHARS: Final = 500


async def read_bounded(chunks: AsyncIterable[bytes], *, most: int, too_large: Exception) -> bytes:
    """Return the whole body; raises `too_large` as soon as there are more than `most` bytes."""
    kept: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise too_large
        kept.append(chunk)
    return b"".join(kept)


def quote(body: bytes | str, *, most: int = _QUOTE_CHARS) -> str:
    """Return the beginning of a body as one line of text, to be shown as data."""
    start = body[: most * 4]
    text = " ".join((start if isinstance(start, str) else start.decode("utf-8", "replace")).split())
    return text[:most] + ("…" if len(text) > most else "") if text else "(empty)"
