"""An HTTP answer to a gateway step's request."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

# Codecs of Python that browsers do not know; some take quadratic time or give halves of surrogate pairs.
_NOT_CHARSETS: Final = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAnswer:
    """An answer after redirects; `url` is where it came from, and header names are in lower case."""

    url: httpx.URL
    status: int
    headers: Mapping[str, str]
    body: bytes
    charset: str | None = None

    @property
    def text(self) -> str:
        """The body in its charset, UTF-8 unless it says otherwise; undecodable bytes are replaced."""
        try:
            charset = codecs.lookup(self.charset or "utf-8").name
            return self.body.decode("utf-8" if charset in _NOT_CHARSETS else charset, "replace")
        except (LookupError, ValueError):
            return self.body.decode("utf-8", "replace")


def read_headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Join repeated headers; Latin-1 is what JavaScript's `Headers` accepts, and it loses no byte."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
