"""What an import needs of somebody who can fetch addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

MAX_SOURCE_BYTES: Final = 50 * 1024 * 1024
MAX_PAGE_BYTES: Final = 5 * 1024 * 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The text at an address; `url` is where redirects led."""

    url: str
    text: str
    is_html: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why nothing was fetched, as a sentence without its full stop."""

    reason: str


class Fetcher(Protocol):
    """Fetches addresses over HTTP, never anything that `may_ask` refuses, redirects included."""

    def fetch(
        self, urls: Sequence[str], *, max_bytes: int, may_ask: Callable[[str], bool]
    ) -> Mapping[str, Fetched | Failure]:
        """Return what is at each address; bodies over `max_bytes`, as they are unpacked, are failures."""
        ...


def is_url(source: str) -> bool:
    """Return whether a source is an http(s) address, as against a path."""
    return source.lower().startswith(("http://", "https://"))


def origin(url: str) -> tuple[str, int]:
    """Return host and port of an address, ("", 0) when it has none.

    The usual ports of http and https count as one, so that a site may lead to its secure address.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0
    if parts.scheme not in _DEFAULT_PORTS:
        return "", 0
    return host.rstrip("."), 443 if port == 80 else port


def location(url: str) -> SplitResult:
    """Return the parts of an address; no host for what only looks like one, such as `http://[x`."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def same_site(source: str, allowed_hosts: Sequence[str]) -> Callable[[str], bool]:
    """Return whether an address may be asked: on the host of the source, or on one that the user named.

    `www.` before the name makes no difference. An allowed host is `name` for any port, or `name:port`.
    """
    own_host, own_port = origin(source)
    named = {name.strip().lower().rstrip(".") for name in allowed_hosts}

    def may_ask(url: str) -> bool:
        host, port = origin(url)
        if not host:
            return False
        if own_host and port == own_port and host.removeprefix("www.") == own_host.removeprefix("www."):
            return True
        exact_port = urlsplit(url).port or _DEFAULT_PORTS[urlsplit(url).scheme]
        return host in named or f"{host}:{exact_port}" in named

    return may_ask
