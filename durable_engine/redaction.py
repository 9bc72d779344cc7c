"""Keeps keys and passwords of a request out of answers, logs and error messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from durable_engine.model.json_value import JSONObject, JSONValue

REDACTED: Final = "[redacted]"
_SECRET_NAME: Final = re.compile(
    r"token|secret|passw|signature|credential|authorization|cookie|key(?!word)"
    r"|(?:^|[^a-z])(?:sig|auth|pwd|pass)(?![a-z])",
    re.IGNORECASE,
)
_FIELD: Final = re.compile(r'("([^"\\]{1,100})"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\Z)', re.DOTALL)
_QUERY: Final = re.compile(r"([?&]([^=&?\s\"]{1,100})=)[^&\s\"]*")
_SHORTEST: Final = 4
"""Shorter values are not searched for in text: they would hide every `k` of a sentence."""


def is_secret_name(name: str) -> bool:
    """Whether a header, a query parameter or an option with this name holds what must not be shown."""
    return _SECRET_NAME.search(name) is not None


def redacted(opts: Mapping[str, Any]) -> JSONObject:
    """Return the options of a step as they may be shown; the body stays, as it is the step's input."""
    shown: JSONObject = {}
    for name, value in opts.items():
        if name == "url":
            shown[name] = redacted_url(value) if isinstance(value, str) else value
        elif name == "body":
            shown[name] = value
        elif isinstance(value, Mapping) and not is_secret_name(name):
            shown[name] = redacted(value)
        else:
            shown[name] = _shown(name, value)
    return shown


def redacted_url(url: str) -> str:
    """Return a URL without its password and its secret query parameters; all else stays as written."""
    head, mark, query = url.partition("#")[0].partition("?")
    scheme, slashes, rest = head.partition("//")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = f"{REDACTED}@{authority.rpartition('@')[2]}"
    parts = [
        f"{name}={_shown(unquote(name), value)}" if equals else name
        for name, equals, value in (part.partition("=") for part in query.split("&"))
    ]
    return f"{scheme}{slashes}{authority}{slash}{path}{mark}{'&'.join(parts)}"


def redacted_about(url: str, text: str) -> str:
    """Return a text about a URL, such as what went wrong there, without what is secret of the URL."""
    return hide(text.replace(url, redacted_url(url)), secrets_in({"url": url}))


def redacted_text(text: str) -> str:
    """Return text that was to be JSON without the values of fields whose names speak of secrets."""
    text = _FIELD.sub(lambda found: f'{found[1]}"{REDACTED}"' if is_secret_name(found[2]) else found[0], text)
    return _QUERY.sub(lambda found: f"{found[1]}{REDACTED}" if is_secret_name(found[2]) else found[0], text)


def secrets_in(opts: Mapping[str, Any]) -> frozenset[str]:
    """Return the values that `redacted` leaves out, in every spelling in which they may come back."""
    return frozenset(value for value in _secrets(opts) if len(value) >= _SHORTEST)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of the secrets replaced, longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def _shown(name: str, value: JSONValue) -> JSONValue:
    return REDACTED if value and is_secret_name(name) else value


def _secrets(opts: Mapping[str, Any]) -> Iterator[str]:
    for name, value in opts.items():
        if name == "url" and isinstance(value, str):
            for secret in _url_secrets(value):
                yield from (secret, unquote(secret))
        elif name == "body":
            continue
        elif isinstance(value, Mapping):
            yield from _secrets(value)
        elif is_secret_name(name):
            for part in value if isinstance(value, list) else [value or ""]:
                text = str(part).strip()
                yield from (text, text.rpartition(" ")[2])  # without "Bearer"


def _url_secrets(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    userinfo, at, _ = parts.netloc.rpartition("@")
    if at:
        yield from (userinfo, userinfo.partition(":")[2])
    for part in parts.query.split("&"):
        name, _, value = part.partition("=")
        if is_secret_name(unquote(name)):
            yield value
