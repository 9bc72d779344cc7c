"""The HTTP client for apps: one call request in, one `Reply` out; never an exception for what apps do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final
from urllib.parse import urlsplit

import httpx

from durable_engine.bodies import read_bounded
from durable_engine.connecting import REDIRECT_STATUSES, why_no_connection
from durable_engine.decoding import decoded
from durable_engine.ids import new_ulid
from durable_engine.model.call import Call
from durable_engine.model.json_value import InvalidJSONError
from durable_engine.model.reply import Failed, Reply
from durable_engine.redaction import redacted_about, redacted_url
from durable_engine.sdk.call_request import build_call_request
from durable_engine.sdk.connections import Address, AppConnections, Timeouts
from durable_engine.sdk.reply import failure, read_reply
from durable_engine.sdk.signing import SIGNATURE_HEADER, Signer

MAX_REPLY_BYTES: Final = 8 * 1024 * 1024
MAX_LOOK_BYTES: Final = 64 * 1024
CALL_TIMEOUT_S: Final = 2 * 3_600
CONNECT_TIMEOUT_S: Final = 10.0
SYNC_TIMEOUT_S: Final = 10.0
MAX_REDIRECTS: Final = 20
_MAX_PORT: Final = 65_535
"""A socket takes no other, and would fail with an error of no kind that is expected."""
_KNOWN_URLS: Final = 256
_SCHEMES: Final = frozenset({"http", "https"})
_SHOWN: Final = 200
_PATIENT: Final = Timeouts(connect_s=CONNECT_TIMEOUT_S, read_s=CALL_TIMEOUT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAnswer:
    """An app's answer to a sync or an introspection request; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ReplyTooLargeError(Exception):
    """An app's answer is over `MAX_REPLY_BYTES`."""


class WrongSignatureError(Exception):
    """An app's answer to a sync carries a signature that is not right."""


APP_FAULTS: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    UnicodeError,
    ReplyTooLargeError,
    WrongSignatureError,
)
"""All that `SDKClient.sync` and `SDKClient.introspect` raise."""
_CALL_FAULTS: Final = (
    TimeoutError,
    httpx.HTTPError,
    httpx.InvalidURL,
    UnicodeError,
    ReplyTooLargeError,
    InvalidJSONError,
)


class SDKClient:
    """Calls SDK apps over HTTP/1.1, keeping connections open between the steps of a run."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport | None = None, *, signing_key: str | None = None
    ) -> None:
        self._signer = None if signing_key is None else Signer(signing_key)
        self._apps = AppConnections() if transport is None else _Transport(transport)

    @property
    def signs(self) -> bool:
        """Whether requests are signed: there is a signing key."""
        return self._signer is not None

    async def close(self) -> None:
        """Close all connections."""
        await self._apps.aclose()

    async def call(self, call: Call, *, now: Callable[[], int]) -> Reply:
        """Send one call request and read the answer; every failure is a `Failed`.

        `now` returns the engine's time: a call may take hours, and dates in the answer count from its end.
        An answer that has begun in time is read for as long again, then the call is given up.
        """
        ends_ms = now() + CALL_TIMEOUT_S * 1_000
        try:
            request = build_call_request(call, request_id=new_ulid(now()))
            async with asyncio.timeout(2 * CALL_TIMEOUT_S):
                answer = await self._send(
                    request.method,
                    request.url,
                    headers=request.headers,
                    content=request.body,
                    is_late=lambda: now() > ends_ms,
                )
        except _CALL_FAULTS as fault:
            return _failed_call(call.url, fault)
        return read_reply(answer.status, answer.headers, answer.body, now_ms=now(), signer=self._signer)

    async def sync(self, url: str) -> AppAnswer:
        """Ask an app to sync: in-band where its SDK can, else it calls `/fn/register` meanwhile.

        Raises:
            APP_FAULTS: no such URL, unreachable, too slow, the connection broke, the answer is too large,
                or its signature is wrong.
        """
        headers = {"Content-Type": "application/json", "X-Inngest-Sync-Kind": "in_band"}
        if self._signer is None:
            # With a key, apps of both modes are served: the Python SDK refuses the kind that is not its own.
            headers["X-Inngest-Server-Kind"] = "dev"
        content = httpx.Request("PUT", url, json={"url": url}).content
        answer = await self._ask("PUT", url, headers=headers, content=content, timeout_s=SYNC_TIMEOUT_S)
        signature = answer.headers.get(SIGNATURE_HEADER.lower())
        if self._signer and signature and not self._signer.is_signature_of(signature, answer.body):
            raise WrongSignatureError
        return answer

    async def introspect(self, url: str, *, timeout_s: float) -> AppAnswer:
        """Ask whether an SDK app is served at `url`; raises as `sync`."""
        return await self._ask("GET", url, headers={}, content=None, timeout_s=timeout_s)

    async def look(self, url: str, *, timeout_s: float, signs: bool) -> AppAnswer:
        """Ask as `introspect` who is there, which may be anybody; raises as `sync`.

        Follows no redirect, reads at most `MAX_LOOK_BYTES`, and signs only if told to.
        """
        return await self._ask(
            "GET", url, headers={}, content=None, timeout_s=timeout_s, signs=signs, is_stranger=True
        )

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        content: bytes | None,
        timeout_s: float,
        signs: bool = True,
        is_stranger: bool = False,
    ) -> AppAnswer:
        """Send as `_send`, with a limit for the whole exchange: an app may dribble its answer."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send(
                    method,
                    url,
                    headers=headers,
                    content=content,
                    timeout_s=timeout_s,
                    signs=signs,
                    is_stranger=is_stranger,
                )
        except TimeoutError:
            raise httpx.ReadTimeout("the answer took too long") from None

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        content: bytes | None,
        timeout_s: float | None = None,
        is_late: Callable[[], bool] | None = None,
        signs: bool = True,
        is_stranger: bool = False,
    ) -> AppAnswer:
        """Send, follow redirects without turning a POST into a GET, and read a bounded body.

        The time-outs of a transport are about silence; `is_late` is asked at each sign of life.
        A stranger's redirect is its answer, and little of its body is read.
        """
        most = MAX_LOOK_BYTES if is_stranger else MAX_REPLY_BYTES
        headers = {**headers, "Accept-Encoding": "gzip"}
        if self._signer is not None and signs:
            headers[SIGNATURE_HEADER] = self._signer.sign(content or b"")
        address = _parsed(url)
        for _ in range(MAX_REDIRECTS):
            try:
                response = await self._apps.send(
                    method.upper(), address, headers=headers, content=content, timeouts=_timeouts(timeout_s)
                )
            except httpx.ConnectError as fault:
                fault.request = httpx.Request(method, address.url)  # who was not there, after redirects
                raise
            try:
                if (
                    response.status in REDIRECT_STATUSES
                    and "location" in response.headers
                    and not is_stranger
                ):
                    address = _redirected(address.url, response.headers["location"])
                    continue
                body = response.whole
                if body is None:
                    too_large = ReplyTooLargeError()
                    chunks = _in_time(response.body(most=most, too_large=too_large), is_late)
                    body = await read_bounded(chunks, most=most, too_large=too_large)
            finally:
                await response.aclose()
            return AppAnswer(status=response.status, headers=response.headers, body=body)
        raise httpx.TooManyRedirects(f"more than {MAX_REDIRECTS} redirects")


@lru_cache(maxsize=_KNOWN_URLS)
def _parsed(url: str) -> Address:
    return _callable(httpx.URL(url))


def _redirected(url: httpx.URL, location: str) -> Address:
    try:
        return _callable(url.join(location))
    except httpx.InvalidURL as fault:
        raise httpx.InvalidURL(f"it redirects to {redacted_url(location)[:_SHOWN]!r}: {fault}") from None


def _callable(url: httpx.URL) -> Address:
    if url.scheme not in _SCHEMES:
        raise httpx.InvalidURL("only http and https are called")
    if not url.host:
        raise httpx.InvalidURL("it names no host")
    if url.port is not None and not 0 < url.port <= _MAX_PORT:
        raise httpx.InvalidURL(f"there is no port {url.port}")
    try:
        url.raw_host.decode().encode("idna")
    except UnicodeError:
        raise httpx.InvalidURL("its host is no name") from None
    return Address.of(url)


class _Transport:
    """A transport of `httpx` in the place of `AppConnections`."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self.aclose = transport.aclose

    async def send(
        self,
        method: str,
        address: Address,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        timeouts: Timeouts,
    ) -> _Response:
        read = timeouts.read_s
        limits = {"connect": timeouts.connect_s, "read": read, "write": read, "pool": read}
        request = httpx.Request(
            method, address.url, headers=headers, content=content, extensions={"timeout": limits}
        )
        return _Response(await self._transport.handle_async_request(request))


class _Response:
    """A response of `httpx` in the place of `AppResponse`."""

    whole = None

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = {key.lower(): value for key, value in response.headers.items()}
        self.body = partial(decoded, response)
        self.aclose = response.aclose


def _timeouts(seconds: float | None) -> Timeouts:
    if seconds is None:
        return _PATIENT
    return Timeouts(connect_s=min(seconds, CONNECT_TIMEOUT_S), read_s=seconds)


async def _in_time(chunks: AsyncIterator[bytes], is_late: Callable[[], bool] | None) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        # An answer that is there counts, however late; what is blank only says that the app still works.
        if is_late is not None and chunk.isspace() and is_late():
            raise httpx.ReadTimeout("the answer took too long")
        yield chunk


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return redacted_url(f"{parts.scheme}://{parts.netloc}")


def in_words(fault: Exception) -> str:
    """Return what a fault says, without a full stop; its kind where it says nothing."""
    return str(fault).strip().rstrip(".") or type(fault).__name__


def _failed_call(url: str, fault: Exception) -> Failed:
    """Say what kept a call from being answered."""
    if isinstance(fault, TimeoutError | httpx.TimeoutException):
        return failure("TimeoutError", f"The app at {_origin(url)} did not answer in time.")
    if isinstance(fault, httpx.InvalidURL | httpx.UnsupportedProtocol):
        text = redacted_about(url, f"The app's URL {url!r} cannot be called: {fault}.")
        return failure("InvalidURLError", text)
    if isinstance(fault, httpx.ConnectError):
        return failure("AppUnreachableError", _unreachable(str(fault.request.url), fault))
    if isinstance(fault, InvalidJSONError):
        return failure("UnsignableCallError", f"The call cannot be signed: {fault}.", is_retriable=False)
    if isinstance(fault, ReplyTooLargeError):
        return failure(
            "OutputTooLargeError",
            f"The app's answer is over the limit of {MAX_REPLY_BYTES // 1024 // 1024} MiB.",
            is_retriable=False,
        )
    return failure(
        "ConnectionError",
        f"The connection to the app at {_origin(url)} broke during the call: {in_words(fault)}.",
    )


def _unreachable(url: str, fault: httpx.ConnectError) -> str:
    where = f"the app at {_origin(url)}"
    return why_no_connection(fault, where) or (
        f"Unable to reach {where}: nothing accepts connections there. Is it running, and on this port?"
    )
