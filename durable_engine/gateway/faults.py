"""Why a request got no answer, in a sentence for whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx

from durable_engine.connecting import causes, why_no_connection

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""What the output of a step may hold."""
TIMEOUT_S: Final = 2 * 3_600.0
CONNECT_TIMEOUT_S: Final = 10.0
MAX_REDIRECTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFailure:
    """No answer that a step could return; `is_final` when another attempt would end the same way."""

    message: str
    is_final: bool = False


class AnswerTooLargeError(Exception):
    """The body of an answer is over `MAX_BODY_BYTES`."""


def origin(url: httpx.URL) -> str:
    """Return scheme, host and port: what of a URL may stand in a message. Paths can be secrets, too."""
    return str(url.copy_with(raw_path=b"/", userinfo=b"", fragment=None)).removesuffix("/")


def explain(fault: Exception, url: httpx.URL, *, proxy: httpx.URL | None = None) -> GatewayFailure:
    """Say what went wrong on the way to `url`, or to the proxy before it."""
    if isinstance(fault, AnswerTooLargeError):
        return too_large(url)
    where = origin(url) if proxy is None else f"{origin(url)} through the proxy {origin(proxy)}"
    if isinstance(fault, httpx.ConnectTimeout):
        text = f"{where} did not accept a connection within {CONNECT_TIMEOUT_S:.0f} seconds."
    elif isinstance(fault, httpx.TimeoutException):
        text = f"{where} did not answer in time."
    elif isinstance(fault, httpx.ConnectError):
        text = _no_connection(fault, where, url if proxy is None else proxy)
    elif isinstance(fault, httpx.DecodingError):
        text = f"The answer of {where} cannot be decompressed: {fault}."
    elif isinstance(fault, httpx.UnsupportedProtocol | httpx.InvalidURL):
        text = f"{where} cannot be called: {fault}."
    elif isinstance(fault, httpx.ProxyError):
        text = f"{where} cannot be reached: the proxy answered {str(fault)!r}."
    else:
        text = f"The connection to {where} broke: {str(fault) or type(fault).__name__}."
    return GatewayFailure(message=text)


def too_large(url: httpx.URL) -> GatewayFailure:
    """Say that an answer is no output for a step."""
    return GatewayFailure(
        message=f"The answer of {origin(url)} is over the limit of {MAX_BODY_BYTES // 1024 // 1024} MiB "
        "for the output of a step. Ask for less, or fetch it within step.run and return only what is needed.",
        is_final=True,
    )


def _no_connection(fault: httpx.ConnectError, where: str, target: httpx.URL) -> str:
    known = why_no_connection(fault, where, host=target.host)
    if known is not None:
        return known
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes(fault)):
        return f"Unable to reach {where}: nothing listens there. Is it running, and on this port?"
    return f"Unable to reach {where}: {str(fault) or 'the connection failed'}."
