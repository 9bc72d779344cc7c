"""What TLS connections trust, which answers lead elsewhere, and why a connection did not come about."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

import httpx

REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})


def trusted_authorities() -> ssl.SSLContext:
    """Load certificates; SSL_CERT_FILE counts, as some people sign with an authority of their own.

    Raises:
        httpx.UnsupportedProtocol: what the variable names cannot be read.
    """
    try:
        return httpx.create_ssl_context(trust_env=True)
    except OSError as fault:
        raise httpx.UnsupportedProtocol(
            "the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read"
        ) from fault


def why_no_connection(fault: httpx.ConnectError, where: str, *, host: str | None = None) -> str | None:
    """Return what kept us from `where`; None if no more is known than that nobody is there.

    `host` is whose name was looked up, where it is not that of the request of `fault`.
    """
    for cause in causes(fault):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"The certificate of {where} is not trusted: {cause.verify_message}. If an authority of your "
                "own signed it, name that authority's file in SSL_CERT_FILE."
            )
        if isinstance(cause, ssl.SSLError):
            return f"No TLS connection to {where}: {cause.reason}. Does this port speak https?"
        if isinstance(cause, socket.gaierror):
            return (
                f"Unable to reach {where}: the name {host or fault.request.url.host!r} has no address. "
                "Is it spelled right, and is this machine online?"
            )
    return None


def causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield a fault and everything it was raised from; trying several addresses makes it a group."""
    seen: set[int] = set()
    waiting = [fault]
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [other for other in (cause.__cause__, cause.__context__) if other is not None]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
