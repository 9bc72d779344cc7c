"""Looks at who answers at an address, as a stranger would: nothing is synced, nothing is called."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from durable_engine.sdk.client import APP_FAULTS, ReplyTooLargeError, SDKClient
from durable_engine.sdk.introspection import SERVE_PATHS, Introspection, read_introspection

PROBE_TIMEOUT_S: Final = 3.0
_MAX_HOPS: Final = 3


class ProbeFault(StrEnum):
    """Why nothing answered."""

    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    TIMED_OUT = "timed-out"
    TLS = "tls"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was found at `url`: an answer, or the fault that kept one from coming.

    `answers_at` are addresses of the same server where an Inngest endpoint was found instead.
    """

    url: str
    answer: Introspection | None = None
    fault: ProbeFault | None = None
    answers_at: tuple[str, ...] = ()
    is_signed: bool = False

    @property
    def is_sdk(self) -> bool:
        """Whether an Inngest SDK answered, whatever it said."""
        return self.answer is not None and self.answer.is_sdk


class Probing:
    """Asks with GET. Bodies of whoever is no Inngest SDK are not kept."""

    def __init__(self, client: SDKClient) -> None:
        self._client = client

    async def probe(self, url: str, *, trusts: bool = False) -> Probe:
        """Return who answers at `url`, within a few seconds; where no SDK does, the usual paths are tried.

        `trusts`: an app that wants a signature gets one, if there is a key. It then says what mode it is in.
        """
        found = await self._ask(url, signs=False)
        if trusts and self._client.signs and found.answer is not None and found.answer.status in {401, 500}:
            signed = await self._ask(url, signs=True)
            found = signed if signed.is_sdk else found
        if found.answer is None or found.is_sdk:
            return found
        others = [other for other in _usual(url) if other != url]
        answers = await asyncio.gather(*(self._ask(other, signs=False) for other in others))
        at = tuple(probe.url for probe in answers if probe.is_sdk)
        return Probe(url=url, answer=found.answer, answers_at=at)

    async def _ask(self, url: str, *, signs: bool) -> Probe:
        """Ask once; a redirect within the same server, as for a slash at the end, is followed."""
        at = url
        try:
            for _ in range(_MAX_HOPS):
                answer = await self._client.look(at, timeout_s=PROBE_TIMEOUT_S, signs=signs)
                there = urljoin(at, answer.headers.get("location", ""))
                if not 300 <= answer.status < 400 or _server(there) != _server(url):
                    break
                at = there
        except ReplyTooLargeError:
            return Probe(url=url, answer=Introspection(status=200, is_sdk=False))
        except (*APP_FAULTS, ValueError) as fault:  # a redirect may lead to what is no URL
            return Probe(url=url, fault=_kind(fault))
        return Probe(url=url, answer=read_introspection(answer), is_signed=signs)


def _usual(url: str) -> list[str]:
    parts = urlsplit(url)
    return [f"{parts.scheme}://{parts.netloc}{path}" for path in SERVE_PATHS]


def _server(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _kind(fault: Exception) -> ProbeFault:
    if isinstance(fault, httpx.TimeoutException):
        return ProbeFault.TIMED_OUT
    causes = list(_causes(fault))
    if any(isinstance(cause, socket.gaierror | UnicodeError | httpx.InvalidURL) for cause in causes):
        return ProbeFault.UNRESOLVED
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return ProbeFault.TLS
    return ProbeFault.REFUSED if isinstance(fault, httpx.ConnectError) else ProbeFault.BROKEN


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__
