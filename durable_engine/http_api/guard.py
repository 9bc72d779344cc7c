"""Refuse what a web page in a browser could send: foreign Host (DNS rebinding) or foreign Origin."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SERVER_KIND_HEADER: Final = b"x-inngest-server-kind"


class HostGuard:
    """ASGI middleware: only allowed hosts are served, only pages from allowed hosts may call.

    SDKs and command line tools send no `Origin`; a page served from this machine has a loopback one.
    """

    def __init__(
        self, app: ASGIApp, allowed_hosts: Collection[str] = (), *, server_kind: str = "dev"
    ) -> None:
        self._app = app
        self._kind_header = (SERVER_KIND_HEADER, server_kind.encode())
        self._allowed = LOOPBACK_HOSTS | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        origin = headers.get("origin")
        if not self._allows(f"//{host}"):
            await _refuse(421, f"Host {host[:200]!r} is not served here.", scope, receive, send)
        elif origin is not None and not self._allows(origin):
            await _refuse(403, f"Requests from {origin[:200]!r} are refused.", scope, receive, send)
        else:
            await self._app(scope, receive, self._marking(send))

    def _marking(self, send: Send) -> Send:
        """Add the header by which SDKs recognise the server's kind."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), self._kind_header]
            await send(message)

        return marked

    def _allows(self, url: str) -> bool:
        try:
            name = urlsplit(url).hostname
        except ValueError:
            return False
        return name is not None and name.lower() in self._allowed


async def _refuse(status: int, sentence: str, scope: Scope, receive: Receive, send: Send) -> None:
    hint = "Allow it with --allow-host if it is yours."
    response = JSONResponse({"error": sentence, "hint": hint, "status": status}, status_code=status)
    await response(scope, receive, send)
