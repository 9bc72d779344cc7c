"""Ask for the signing key where an Inngest server asks for it: registering apps, and the REST APIs.

Source: SDK behaviour as observed. The bearer token is the SHA-256 of the key's bytes in hex; TypeScript
and Go put the key's `signkey-<environment>-` in front. Without a key, SDKs send `Bearer undefined`, an
empty token or no header at all.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from durable_engine.sdk.signing import Signer

GUARDED: Final = ("/fn/register", "/fn/remove", "/v0/", "/v1/", "/v2/", "/api/v2/", "/stepcue/")
"""Events, `/health`, `/dev`, `/mcp` and `/` stay open: an Inngest server asks for no signing key there."""
_WITH_TOKEN: Final = re.compile(r"/v1/(?:checkpoint|http/runs)/[^/]+/output")
"""Where an endpoint sends its clients, who know no signing key: the token in the query is checked there."""
_TOKENLESS: Final = frozenset({"", "undefined", "null"})


class KeyGuard:
    """ASGI middleware: guarded paths need the bearer token of `signing_key`; without a key none does."""

    def __init__(self, app: ASGIApp, signing_key: str | None) -> None:
        self._app = app
        self._signer = None if signing_key is None else Signer(signing_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if self._signer is None or scope["type"] != "http" or not _is_guarded(scope["path"]):
            await self._app(scope, receive, send)
            return
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        token = token.strip()
        if kind.lower() == "bearer" and self._signer.is_bearer(token):
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope["path"], has_token=token not in _TOKENLESS)
        await refusal(scope, receive, send)


def _is_guarded(path: str) -> bool:
    return path.startswith(GUARDED) and _WITH_TOKEN.fullmatch(path) is None


def _refusal(path: str, *, has_token: bool) -> JSONResponse:
    found = (
        "the bearer token of this request belongs to another one"
        if has_token
        else "this request has no bearer token"
    )
    body = {
        "error": f"Stepcue was started with a signing key, and {found}, so {path[:200]} is not served. "
        "Give the app the INNGEST_SIGNING_KEY that Stepcue has, or start Stepcue without --signing-key "
        "and INNGEST_SIGNING_KEY.",
        "code": "unauthorized",
        "status": 401,
    }
    return JSONResponse(body, status_code=401, headers={"WWW-Authenticate": "Bearer"})
