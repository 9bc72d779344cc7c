"""The HTTP client for what steps ask for: an answer, or the reason why there is none; never an exception."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from durable_engine.bodies import read_bounded
from durable_engine.connecting import REDIRECT_STATUSES, trusted_authorities
from durable_engine.decoding import decoded
from durable_engine.gateway.answer import GatewayAnswer, read_headers
from durable_engine.gateway.faults import (
    CONNECT_TIMEOUT_S,
    MAX_BODY_BYTES,
    MAX_REDIRECTS,
    TIMEOUT_S,
    AnswerTooLargeError,
    GatewayFailure,
    explain,
    origin,
)
from durable_engine.gateway.outcome import Outcome
from durable_engine.gateway.proxies import proxy_for
from durable_engine.gateway.redirects import redirected
from durable_engine.gateway.request import GatewayRequest, GatewayRequestError, read_request
from durable_engine.model.op import StepRef
from durable_engine.model.reply import Reply
from durable_engine.model.status import StepKind
from durable_engine.redaction import secrets_in

_FAULTS: Final = (httpx.HTTPError, httpx.InvalidURL, AnswerTooLargeError, UnicodeError, OSError)


class GatewayClient:
    """Sends the requests of `step.fetch` and `step.ai.infer`.

    A connection serves one request. One kept open may be closed by the other side in the moment it is
    used again, and a request that dies so cannot be sent again by itself, as it may have been carried out:
    the step would wait for its next attempt. A handshake costs less. And no pool is there to be searched,
    which costs more than the requests when hundreds are open.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._shared = transport
        self._timeout_s = timeout_s
        self._tls: ssl.SSLContext | None = None

    async def close(self) -> None:
        """Close the transport that was given; open requests close their own when they end."""
        if self._shared is not None:
            await self._shared.aclose()

    async def perform(
        self, step: StepRef, kind: StepKind, opts: Mapping[str, Any], *, now: Callable[[], int]
    ) -> Reply:
        """Carry out a gateway step; its result or error is the only op of the reply.

        `now` returns the engine's time: a request may take hours, and dates in the answer count from its end.
        """
        outcome = Outcome(step=step, kind=kind, secrets=secrets_in(opts))
        try:
            request = read_request(kind, opts)
        except GatewayRequestError as fault:
            message = f"The request of step {step.name!r} cannot be sent: {fault}."
            return outcome.failed(message, is_final=True)
        return outcome.of(await self.send(request), now=now)

    async def send(self, request: GatewayRequest) -> GatewayAnswer | GatewayFailure:
        """Send a request and follow redirects; any status is an answer."""
        try:
            async with asyncio.timeout(self._timeout_s):
                for _ in range(MAX_REDIRECTS + 1):
                    answer = await self._send_once(request)
                    location = _location(answer)
                    if isinstance(answer, GatewayFailure) or location is None:
                        return answer
                    request = redirected(request, answer.status, location)
        except TimeoutError:
            limit = f"the limit of {self._timeout_s / 3_600:g} hours"
            return GatewayFailure(message=f"{origin(request.url)} did not answer within {limit}.")
        except GatewayRequestError as fault:
            return GatewayFailure(message=f"{origin(request.url)} answered with a redirect; {fault}.")
        return GatewayFailure(message=f"{origin(request.url)} redirected more than {MAX_REDIRECTS} times.")

    async def _send_once(self, request: GatewayRequest) -> GatewayAnswer | GatewayFailure:
        proxy: httpx.URL | None = None
        try:
            proxy = None if self._shared is not None else proxy_for(request.url)
            async with self._transport(proxy) as transport:
                response = await transport.handle_async_request(self._encode(request))
                try:
                    headers = read_headers(response.headers.raw)
                    leads_on = response.status_code in REDIRECT_STATUSES and "location" in headers
                    body = b"" if leads_on else await _body(response)
                finally:
                    await response.aclose()
        except _FAULTS as fault:
            return explain(fault, request.url, proxy=proxy)
        return GatewayAnswer(
            url=request.url,
            status=response.status_code,
            headers=headers,
            body=body,
            charset=response.charset_encoding,
        )

    @asynccontextmanager
    async def _transport(self, proxy: httpx.URL | None) -> AsyncIterator[httpx.AsyncBaseTransport]:
        if self._shared is not None:
            yield self._shared
            return
        self._tls = self._tls or trusted_authorities()
        async with httpx.AsyncHTTPTransport(
            verify=self._tls, trust_env=False, proxy=None if proxy is None else httpx.Proxy(proxy)
        ) as transport:
            yield transport

    def _encode(self, request: GatewayRequest) -> httpx.Request:
        whole = self._timeout_s
        return httpx.Request(
            request.method,
            request.url,
            headers=[(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()],
            content=request.content,
            extensions={
                "timeout": {"connect": CONNECT_TIMEOUT_S, "read": whole, "write": whole, "pool": whole}
            },
        )


def _location(answer: GatewayAnswer | GatewayFailure) -> str | None:
    if isinstance(answer, GatewayFailure) or answer.status not in REDIRECT_STATUSES:
        return None
    location = answer.headers.get("location")
    # Servers write UTF-8 here, and JavaScript reads it so.
    return None if location is None else location.encode("latin-1").decode("utf-8", "replace")


async def _body(response: httpx.Response) -> bytes:
    too_large = AnswerTooLargeError()
    chunks = decoded(response, most=MAX_BODY_BYTES, too_large=too_large)
    return await read_bounded(chunks, most=MAX_BODY_BYTES, too_large=too_large)
