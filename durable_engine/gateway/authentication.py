"""How each model provider wants its key.

Source: the adapters of `@inngest/ai` and of the Python SDK as observed. Gemini's put the key into the URL and
Azure's into the header themselves, and so do apps that set a header of their own: nothing given is replaced.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import httpx

from durable_engine.model.json_value import JSONValue

_ANTHROPIC_VERSION: Final = "2023-06-01"


def authenticate(
    url: httpx.URL, headers: dict[str, str], *, wire_format: JSONValue, auth_key: str
) -> httpx.URL:
    """Add what the provider asks for to `headers`, and return the URL, which carries Gemini's key."""
    name = str(wire_format or "").lower()
    if name == "anthropic":
        # Its API refuses requests without it, and the Python adapter drops its own as soon as it is
        # given headers.
        headers.setdefault("anthropic-version", _ANTHROPIC_VERSION)
    if not auth_key:
        return url
    if name == "gemini":
        return url if "x-goog-api-key" in headers else _with_key(url, auth_key)
    if name == "anthropic":
        headers.setdefault("x-api-key", auth_key)
    elif name == "azure-openai":
        headers.setdefault("api-key", auth_key)
    elif name == "bedrock":
        headers.setdefault("authorization", auth_key)
    else:
        headers.setdefault("authorization", f"Bearer {auth_key}")
    return url


def _with_key(url: httpx.URL, key: str) -> httpx.URL:
    if "key" in url.params:
        return url
    parameter = f"key={quote(key, safe='')}".encode()
    return url.copy_with(query=url.query + b"&" + parameter if url.query else parameter)
