"""What a step asks the engine to send, read into one HTTP request.

Source: the options of `Gateway` and `AIGateway` as the Inngest SDKs send them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from durable_engine.gateway.authentication import authenticate
from durable_engine.model.json_value import JSONValue, to_json
from durable_engine.model.status import StepKind
from durable_engine.redaction import REDACTED

DEFAULT_METHOD: Final = "POST"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})
# These belong to the connection, which is ours, or say how the body is compressed, which we undo.
_OURS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_DEFAULTS: Final[Mapping[str, str]] = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "user-agent": "Stepcue",
}
_SHOWN_CHARS: Final = 100


class GatewayRequestError(ValueError):
    """A request cannot be sent as it is written; the message says what is wrong, without any secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRequest:
    """A request ready to be sent; header names are in lower case. Its `repr` shows no secrets."""

    method: str
    url: httpx.URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)


def read_request(kind: StepKind, opts: Mapping[str, Any]) -> GatewayRequest:
    """Read the options of a `step.fetch` or, for `AI_GATEWAY`, of a `step.ai.infer`.

    Raises:
        GatewayRequestError: no http or https URL, or a method, header or body that cannot be sent.
    """
    url, userinfo = _without_userinfo(read_url(opts.get("url")))
    headers = _read_headers(opts.get("headers"))
    if kind is StepKind.AI_GATEWAY:
        method = "POST"
        content: bytes | None = _ai_body(opts)
        headers.setdefault("content-type", "application/json")
        url = authenticate(url, headers, wire_format=opts.get("format"), auth_key=_auth_key(opts))
    else:
        method, content = _read_method(opts.get("method")), _fetch_body(opts.get("body"))
        if content is not None:
            headers.setdefault("content-type", "text/plain;charset=UTF-8")  # as fetch does
    if userinfo:
        headers.setdefault("authorization", userinfo)
    return GatewayRequest(method=method, url=url, headers={**_DEFAULTS, **headers}, content=content)


def read_url(text: JSONValue) -> httpx.URL:
    """Return an absolute http or https URL.

    Raises:
        GatewayRequestError: the text is none; the message quotes it without its secrets.
    """
    if not isinstance(text, str) or not text.strip():
        raise GatewayRequestError("it names no URL")
    try:
        url = httpx.URL(text.strip())
        is_usable = url.scheme in {"http", "https"} and bool(url.host)
    except (httpx.InvalidURL, ValueError):
        is_usable = False
    if not is_usable:
        raise GatewayRequestError(
            f"its URL {_shown_url(text)!r} cannot be called; "
            "write a whole address that begins with http:// or https://"
        )
    return url.copy_with(fragment=None)


def _shown_url(text: str) -> str:
    """Quote what is no URL: without its query and without all that may have been meant as a password."""
    before, at, rest = text.strip().rpartition("@")
    scheme = _SCHEME.match(before)
    shown = f"{scheme[0] if scheme else ''}{REDACTED}@{rest}" if at else rest
    return shown.partition("?")[0].partition("#")[0][:_SHOWN_CHARS]


def _without_userinfo(url: httpx.URL) -> tuple[httpx.URL, str]:
    """Split `user:password@` off a URL, as the value of an Authorization header; "" when there is none."""
    if not url.userinfo:
        return url, ""
    basic = httpx.BasicAuth(url.username, url.password)
    request = next(basic.sync_auth_flow(httpx.Request("GET", url)))
    return url.copy_with(userinfo=b""), str(request.headers["authorization"])


def _read_method(value: JSONValue) -> str:
    if value is None or value == "":
        return DEFAULT_METHOD
    method = value.upper() if isinstance(value, str) else ""
    if not _TOKEN.fullmatch(method) or method in _REFUSED_METHODS:
        raise GatewayRequestError(
            f"its method {str(value)[:_SHOWN_CHARS]!r} cannot be used; write one such as GET, POST or DELETE"
        )
    return method


def _read_headers(value: JSONValue) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise GatewayRequestError("its headers are not an object of names and values")
    headers: dict[str, str] = {}
    for name, given in value.items():
        if given is None or name.lower() in _OURS:
            continue
        if not _TOKEN.fullmatch(name):
            raise GatewayRequestError(f"{name[:_SHOWN_CHARS]!r} is not a name that a header can have")
        headers[name.lower()] = _header_value(name, given)
    return headers


def _header_value(name: str, given: JSONValue) -> str:
    parts = given if isinstance(given, list) else [given]
    if not all(isinstance(part, str | int | float) for part in parts):
        raise GatewayRequestError(f"the value of its header {name!r} is not text")
    value = ", ".join(str(part).strip() for part in parts)
    _check_header_text(value, f"the value of its header {name!r}")
    return value


def _check_header_text(value: str, what: str) -> None:
    if _CONTROL.search(value):
        raise GatewayRequestError(f"{what} holds a line break or another control character")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise GatewayRequestError(f"{what} holds characters that HTTP headers cannot carry") from None


def _auth_key(opts: Mapping[str, Any]) -> str:
    key = opts.get("auth_key")
    key = key.strip() if isinstance(key, str) else ""
    _check_header_text(key, "its API key")
    return key


def _fetch_body(body: JSONValue) -> bytes | None:
    if body is None:
        return None
    if not isinstance(body, str):
        # The SDK writes its options as JSON, so URLSearchParams and FormData arrive as `{}`.
        raise GatewayRequestError(
            "its body is not text, and only text gets through; call toString() on URLSearchParams, "
            "JSON.stringify() on objects, and send files and bytes from within step.run"
        )
    return body.encode("utf-8", "replace")


def _ai_body(opts: Mapping[str, Any]) -> bytes:
    body = opts.get("body")
    if body is None:
        raise GatewayRequestError("it has no body for the model")
    return (body if isinstance(body, str) else to_json(body)).encode("utf-8", "replace")
