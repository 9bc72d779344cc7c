"""Fetch addresses for `stepcue docs import`: bounded, and never anything but what may be asked.

It lives here and not in `docs_index`, which so cannot reach a network at all.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

import httpx

from docs_index.importing.decoding import decode
from docs_index.importing.fetching import Failure, Fetched
from durable_engine.connecting import REDIRECT_STATUSES
from durable_engine.http_api.guard import LOOPBACK_HOSTS

MAX_REDIRECTS: Final = 5
MAX_AT_ONCE: Final = 8
TIMEOUT: Final = httpx.Timeout(20.0, connect=10.0)
WHOLE_S: Final = 120.0
MAX_TOTAL_BYTES: Final = 200 * 1024 * 1024


class _RefusedError(Exception):
    """An address is not fetched; `str()` is the reason."""


class HttpFetcher:
    """Fetches over HTTP, up to eight addresses at once.

    `whole_s` limits each address, redirects included; `say` is told what takes long.
    """

    def __init__(
        self,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        whole_s: float = WHOLE_S,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._timeout = timeout
        self._whole_s = whole_s
        self._say = say

    def fetch(
        self, urls: Sequence[str], *, max_bytes: int, may_ask: Callable[[str], bool]
    ) -> Mapping[str, Fetched | Failure]:
        """Return what is at each address; see `docs_index.importing.fetching.Fetcher`."""
        if len(urls) > 1:
            self._say(f"Fetching {len(urls):,} pages ...")
        return asyncio.run(self._fetch_all(urls, _Rules(max_bytes, may_ask)))

    async def _fetch_all(self, urls: Sequence[str], rules: _Rules) -> Mapping[str, Fetched | Failure]:
        async with self._client(proxied=True) as far, self._client(proxied=False) as near:
            free = asyncio.Semaphore(MAX_AT_ONCE)

            async def one(url: str) -> Fetched | Failure:
                async with free:
                    return await self._fetch(near if _is_loopback(url) else far, url, rules)

            return dict(zip(urls, await asyncio.gather(*map(one, urls)), strict=True))

    def _client(self, *, proxied: bool) -> httpx.AsyncClient:
        # No proxy leads to this machine, whatever the environment says.
        return httpx.AsyncClient(
            timeout=self._timeout,
            trust_env=proxied,
            headers={
                "user-agent": f"stepcue/{version('stepcue')} (docs import)",
                "accept": "text/markdown, text/plain;q=0.9, */*;q=0.5",
                "accept-encoding": "gzip",
            },
        )

    async def _fetch(self, client: httpx.AsyncClient, url: str, rules: _Rules) -> Fetched | Failure:
        try:
            async with asyncio.timeout(self._whole_s):
                return await _follow(client, url, rules)
        except _RefusedError as refusal:
            return Failure(reason=str(refusal))
        except (TimeoutError, httpx.TimeoutException):
            return Failure(reason="it does not answer in time")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
            return Failure(reason="it is no address that can be asked")
        except httpx.HTTPError as error:
            return Failure(reason=f"no connection ({str(error) or type(error).__name__})")


class _Rules:
    """What one fetch must keep to, and how much it has read so far."""

    def __init__(self, max_bytes: int, may_ask: Callable[[str], bool]) -> None:
        self.max_bytes = max_bytes
        self.may_ask = may_ask
        self._left = max(max_bytes, MAX_TOTAL_BYTES)

    def count(self, size: int) -> None:
        """Take note of bytes that were read; too many in all end the fetch."""
        self._left -= size
        if self._left < 0:
            raise _RefusedError(f"all pages together are over {MAX_TOTAL_BYTES // 2**20} MB")


async def _follow(client: httpx.AsyncClient, url: str, rules: _Rules) -> Fetched:
    for _ in range(MAX_REDIRECTS + 1):
        if not rules.may_ask(url):
            raise _RefusedError(
                f"it leads to another host ({url}); --allow-host {urlsplit(url).netloc} allows it"
            )
        async with client.stream("GET", url) as response:
            target = response.headers.get("location")
            if response.status_code in REDIRECT_STATUSES and target:
                url = str(response.url.join(target))
                continue
            if response.status_code != 200:
                raise _RefusedError(f"it answers with HTTP status {response.status_code}")
            raw = await _body(response, rules)
            text = decode(raw, response.charset_encoding or "")
            kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
            return Fetched(url=url, text=text, is_html=_is_html(kind, text))
    raise _RefusedError(f"it redirects more than {MAX_REDIRECTS} times")


async def _body(response: httpx.Response, rules: _Rules) -> bytes:
    """Return the body, unpacked piece by piece, so that a small one cannot become a huge one."""
    body = bytearray()
    async for piece in _unpacked(response, rules.max_bytes + 1):
        body += piece
        rules.count(len(piece))
        if len(body) > rules.max_bytes:
            raise _RefusedError(f"it is over {rules.max_bytes // 2**20} MB")
    return bytes(body)


async def _unpacked(response: httpx.Response, most: int) -> AsyncIterator[bytes]:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        async for piece in response.aiter_raw():
            yield piece
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise _RefusedError(f"it is packed as {encoding!r}, which nobody asked for")
    unpack = zlib.decompressobj(wbits=47)  # gzip or zlib, whichever it is
    try:
        async for piece in response.aiter_raw():
            yield unpack.decompress(piece, most)  # what is left over then is too much anyway
    except zlib.error:
        raise _RefusedError("it is packed in a way that cannot be read") from None
    if not unpack.eof:
        raise _RefusedError("it ends before it is complete")


def _is_html(kind: str, text: str) -> bool:
    start = text[:500].lstrip("\ufeff \t\r\n").lower()
    return kind in {"text/html", "application/xhtml+xml"} or start.startswith(("<!doctype html", "<html"))


def _is_loopback(url: str) -> bool:
    return (urlsplit(url).hostname or "") in LOOPBACK_HOSTS
