"""The token that the person who started Stepcue may ask for: whoever acts or reads data has to send it."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from pydantic import SecretStr
from starlette.datastructures import Headers

from durable_engine.errors import ConfigError
from durable_engine.http_api.refusals import Refusal

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{16,512}=*", re.ASCII)


def bearer_of(headers: Headers) -> str:
    """Return the token after `Authorization: Bearer`, "" when there is none."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


class AccessToken:
    """A token to compare with; it never appears in texts.

    Raises:
        ConfigError: it is too short, or no header could carry it; the value is not repeated.
    """

    def __init__(self, value: SecretStr) -> None:
        if _TOKEN.fullmatch(value.get_secret_value()) is None:
            raise ConfigError(
                "The token must have 16 to 512 letters, digits or -._~+/ (and may end with =).",
                hint="Make one with `openssl rand -hex 32`, and pass it as STEPCUE_TOKEN.",
            )
        self._value = value.get_secret_value().encode()

    def sign(self, text: str) -> str:
        """Return what only who has the token can make of the text."""
        return hmac.new(self._value, text.encode(), hashlib.sha256).hexdigest()

    def is_sent_in(self, headers: Headers) -> bool:
        """Whether the request has this token; takes as long for one wrong token as for another."""
        return hmac.compare_digest(bearer_of(headers).encode("utf-8", "surrogateescape"), self._value)


def token_refusal(path: str, headers: Headers) -> Refusal:
    """Return 401 with what to send; without OAuth metadata, as nobody here issues tokens."""
    is_wrong = bool(bearer_of(headers))
    found = "that of this request is another one" if is_wrong else "this request has none"
    challenge = 'Bearer realm="stepcue"' + (', error="invalid_token"' if is_wrong else "")
    return Refusal(
        401,
        f"Stepcue was started with a token, and {found}, so {path[:200]} is not served.",
        "Send the header `Authorization: Bearer TOKEN` with the STEPCUE_TOKEN of the Stepcue that runs here; "
        "`stepcue mcp` reads it from the same variable.",
        "unauthorized",
        {"WWW-Authenticate": challenge},
    )
