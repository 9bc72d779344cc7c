"""Refuse what a web page in a browser could send: foreign Host (DNS rebinding), foreign Origin, or what
browsers send without an Origin and mark as of another site (images, scripts, frames; Fetch Metadata of W3C).
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from durable_engine.http_api.refusals import Refusal

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SERVER_KIND_HEADER: Final = b"x-inngest-server-kind"
_SHOWN: Final = 200
_WEB: Final = frozenset({"http", "https"})
_HOST_HINT: Final = (
    "If this is a name of the machine or container that Stepcue runs on, start Stepcue with "
    "--allow-host NAME, or STEPCUE_ALLOW_HOSTS=NAME."
)
_ORIGIN_HINT: Final = (
    "If the page is yours, start Stepcue with --allow-origin ORIGIN, or STEPCUE_ALLOW_ORIGINS=ORIGIN."
)
_NO_ORIGIN_HINT: Final = (
    "Any site can make a page without an origin, so none is served: open it from a server, and start Stepcue "
    "with that one's --allow-origin."
)


_EMBEDDED: Final = Refusal(
    403,
    "Requests that a page of another site makes for a part of itself are refused.",
    f"Let the page ask with fetch, which names its origin. {_ORIGIN_HINT}",
    "foreign_page",
)


class Callers:
    """Who is served, by the headers that a web page cannot choose.

    SDKs and command line tools send no `Origin` and no `Sec-Fetch-Site`; a page served from this machine has
    a loopback origin.

    Args:
        hosts: names besides the loopback ones, with a port or for every port, such as
            "host.docker.internal", "stepcue:8288" or "[fd00::1]"; pages from there are served, too.
        origins: pages that are served besides, such as "https://tools.example".
    """

    def __init__(self, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        allowed = {name_and_port(host) for host in hosts}
        self._hosts = {(name, None) for name in LOOPBACK_HOSTS} | {place for place in allowed if place}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def refusal(self, headers: Headers) -> Refusal | None:
        """Return why a request is not served (421, 403), and what would allow it; None if it is served."""
        host = headers.get("host", "")
        if not self._is_served(host):
            return Refusal(421, f"Host {host[:_SHOWN]!r} is not served here.", _HOST_HINT, "foreign_host")
        origin = headers.get("origin")
        if origin is None:
            return _EMBEDDED if _is_embedded_elsewhere(headers, host) else None
        if self._may_call(origin):
            return None
        hint = _NO_ORIGIN_HINT if origin == "null" else _ORIGIN_HINT
        error = f"Requests from pages of {origin[:_SHOWN]!r} are refused."
        return Refusal(403, error, hint, "foreign_origin")

    def _is_served(self, host: str) -> bool:
        place = name_and_port(host)
        return place is not None and (place in self._hosts or (place[0], None) in self._hosts)

    def _may_call(self, origin: str) -> bool:
        scheme, mark, host = origin.lower().partition("://")
        return origin.lower() in self._origins or bool(mark and scheme in _WEB and self._is_served(host))


def _is_embedded_elsewhere(headers: Headers, host: str) -> bool:
    """Whether a page of another site asks for an image, a script, a frame or the like: no `Origin` tells.

    A link that somebody follows to a page of ours is no such request. Ports are no part of a site, so
    "same-site" of a loopback name is this machine, and of any other name it may be a neighbour.
    """
    site = headers.get("sec-fetch-site", "none")
    is_followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    place = name_and_port(host)
    is_loopback = place is not None and place[0] in LOOPBACK_HOSTS
    own = {"none", "same-origin", "same-site"} if is_loopback else {"none", "same-origin"}
    return site not in own and not is_followed


def name_and_port(host: str) -> tuple[str, int | None] | None:
    """Read `name`, `name:port`, `[v6]`, `[v6]:port` or a bare IPv6 address; None for anything else."""
    try:
        return str(ip_address(host)), None
    except ValueError:
        pass
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    return None if name is None or parts.netloc != host or "@" in host else (name.lower(), port)


class HostGuard:
    """ASGI middleware: only allowed callers are served, and answers say of what kind the server is.

    The paths in `with_own_door` look at their callers themselves.
    """

    def __init__(
        self,
        app: ASGIApp,
        callers: Callers,
        *,
        server_kind: str = "dev",
        with_own_door: Collection[str] = (),
    ) -> None:
        self._app = app
        self._callers = callers
        self._with_own_door = frozenset(with_own_door)
        # No answer is ever a script or a style of somebody's page, whatever it looks like.
        self._marks = ((SERVER_KIND_HEADER, server_kind.encode()), (b"x-content-type-options", b"nosniff"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_own_door = scope["path"] in self._with_own_door
        refusal = None if has_own_door else self._callers.refusal(Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, self._marking(send))
        else:
            await refusal.response()(scope, receive, send)

    def _marking(self, send: Send) -> Send:
        """Add the header by which SDKs recognise the server's kind, and one for browsers."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._marks]
            await send(message)

        return marked
