"""Ask for the signing key where an Inngest server does, and for Stepcue's token where no app has to call.

Source: SDK behaviour as observed. The bearer token is the SHA-256 of the key's bytes in hex; TypeScript
and Go put the key's `signkey-<environment>-` in front. Without a key, SDKs send `Bearer undefined`, an
empty token or no header at all.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from durable_engine.http_api.refusals import Refusal
from durable_engine.http_api.token import AccessToken, bearer_of, token_refusal
from durable_engine.sdk.signing import Signer

GUARDED: Final = ("/fn/register", "/fn/remove", "/invoke/", "/v0/", "/v1/", "/v2/", "/api/v2/", "/stepcue/")
"""Events, `/health`, `/dev`, `/mcp` and `/` stay open: an Inngest server asks for no signing key there."""
_WITH_TOKEN: Final = re.compile(r"/v1/(?:checkpoint|http/runs)/[^/]+/output")
"""Where an endpoint sends its clients, who know no signing key: the token in the query is checked there."""
_FOR_THE_TOKEN: Final = ("/invoke/", "/fn/remove", "/v0/", "/v1/", "/v2/", "/api/v2/", "/stepcue/")
"""What reads data or acts; `/mcp` asks by itself."""
_OF_APPS: Final = re.compile(
    r"/v0/(?:runs/[^/]+/(?:actions|batch)|connect/.+)"
    r"|/v1/(?:checkpoint|http/runs)(?:/.+)?|/v1/(?:realtime|traces)/.+|/v1/signals|/v1/runs/[^/]+/metadata"
)
"""What SDKs call while functions run: they know no token, and what they need cannot ask for it."""
_TOKENLESS: Final = frozenset({"", "undefined", "null"})
_SAME_KEY: Final = (
    "Give the app the INNGEST_SIGNING_KEY that Stepcue has, or start Stepcue without --signing-key and "
    "INNGEST_SIGNING_KEY."
)
"""In the error as well, because SDKs show nothing else."""


class KeyGuard:
    """ASGI middleware: with a signing key or a token, guarded paths need one of those that guard them."""

    def __init__(self, app: ASGIApp, signing_key: str | None, token: AccessToken | None = None) -> None:
        self._app = app
        self._signer = None if signing_key is None else Signer(signing_key)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        refusal = self._refusal(scope["path"], Headers(scope=scope)) if scope["type"] == "http" else None
        await (self._app if refusal is None else refusal.response())(scope, receive, send)

    def _refusal(self, path: str, headers: Headers) -> Refusal | None:
        signer = self._signer if is_guarded(path) else None
        token = self._token if needs_token(path) else None
        if (signer is None and token is None) or (token is not None and token.is_sent_in(headers)):
            return None
        if signer is None:
            return token_refusal(path, headers)
        return None if signer.is_bearer(bearer_of(headers)) else _no_key(path, headers)


def is_guarded(path: str) -> bool:
    """Whether a path asks for the signing key, where there is one."""
    return path.startswith(GUARDED) and _WITH_TOKEN.fullmatch(path) is None


def needs_token(path: str) -> bool:
    """Whether a path asks for the token, where there is one."""
    return path.startswith(_FOR_THE_TOKEN) and _OF_APPS.fullmatch(path) is None


def _no_key(path: str, headers: Headers) -> Refusal:
    token = headers.get("authorization", "").partition(" ")[2].strip()
    found = (
        "this request has no bearer token"
        if token in _TOKENLESS
        else "the bearer token of this request belongs to another one"
    )
    return Refusal(
        401,
        f"Stepcue was started with a signing key, and {found}, so {path[:200]} is not served. {_SAME_KEY}",
        _SAME_KEY,
        "unauthorized",
        {"WWW-Authenticate": "Bearer"},
    )
