"""Where a redirect leads, by the rules of fetch."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import httpx

from durable_engine.gateway.request import GatewayRequest, read_url
from durable_engine.redaction import is_secret_name

_BODY_HEADERS: Final = frozenset({"content-encoding", "content-language", "content-location", "content-type"})


def redirected(request: GatewayRequest, status: int, location: str) -> GatewayRequest:
    """Return the request that follows a redirect.

    Source: the Fetch standard, HTTP-redirect fetch. It takes only `Authorization` from a request that goes
    to another origin; here every header that looks like a secret stays behind.

    Raises:
        GatewayRequestError: `location` leads to nothing that can be called.
    """
    try:
        url = read_url(str(request.url.join(location))).copy_with(userinfo=b"")
    except (httpx.InvalidURL, UnicodeError):
        url = read_url(location)
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    if _origin(url) != _origin(request.url):
        headers = {name: value for name, value in headers.items() if not is_secret_name(name)}
    if (status == 303 and request.method not in {"GET", "HEAD"}) or (
        status in {301, 302} and request.method == "POST"
    ):
        headers = {name: value for name, value in headers.items() if name not in _BODY_HEADERS}
        return GatewayRequest(method="GET", url=url, headers=headers, content=None)
    return replace(request, url=url, headers=headers)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
