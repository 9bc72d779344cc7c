"""Which server, as whom, and what may be done there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from durable_engine.errors import ConfigError
from durable_engine.http_api.guard import LOOPBACK_HOSTS
from durable_engine.redaction import redacted_url
from mcp_server.remote.keys import SigningKey

CLOUD: Final = "cloud"
CLOUD_API: Final = "https://api.inngest.com"
CLOUD_EVENTS: Final = "https://inn.gs"
NO_EVENT_KEY: Final = "NO_EVENT_KEY_SET"
"""What SDKs put in the path of a Dev Server, which asks for no key."""
_MOST_NAME: Final = 200
_KEY: Final = "INNGEST_SIGNING_KEY"
_MIRROR_KEY: Final = "STEPCUE_MIRROR_SIGNING_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server over HTTP. `api_url` and `event_url` are origins, perhaps with a path, without a last slash.

    `env` names a branch environment. `allows_writes` is what the person at the command line said.
    `only_reads`: nothing but a GET is ever sent there.
    """

    api_url: str
    event_url: str
    signing_key: SigningKey | None = None
    fallback_key: SigningKey | None = None
    event_key: SecretStr | None = None
    env: str | None = None
    allows_writes: bool = False
    only_reads: bool = False

    @property
    def option(self) -> str:
        """The option that names it."""
        return "--mirror" if self.only_reads else "--engine"

    @property
    def key_variable(self) -> str:
        """The variable that has its signing key."""
        return _MIRROR_KEY if self.only_reads else _KEY

    @property
    def is_cloud(self) -> bool:
        """Whether this is Inngest's own."""
        return self.api_url == CLOUD_API

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, or looks so."""
        return (urlsplit(self.api_url).hostname or "") in LOOPBACK_HOSTS

    @property
    def shown_url(self) -> str:
        """Its address without a password."""
        return redacted_url(self.api_url)


def read_target(
    engine: str,
    *,
    signing_key: str | None = None,
    fallback_key: str | None = None,
    event_key: str | None = None,
    env: str | None = None,
    allows_writes: bool = False,
    only_reads: bool = False,
    option: str = "--engine",
) -> Target:
    """Read what the options say; `engine` is `cloud` or the address of a server, given as `option`.

    Raises:
        ConfigError: it is no address, a key is none, or a key is missing; no key is repeated.
    """
    engine = engine.strip()
    api_url = CLOUD_API if engine.lower() == CLOUD else _origin(engine, option)
    is_cloud = urlsplit(api_url).hostname == urlsplit(CLOUD_API).hostname
    api_url = CLOUD_API if is_cloud else api_url
    variable = _MIRROR_KEY if only_reads else _KEY
    names = "--signing-key (INNGEST_SIGNING_KEY)"
    if only_reads:
        names = f"--mirror-signing-key ({variable}) or {names}"
    first = _signing_key(signing_key, names)
    if is_cloud and first is None:
        raise ConfigError(
            "Inngest Cloud asks for a signing key.",
            hint=f"Give it as {variable}, from Settings, Signing Key of the environment.",
        )
    return Target(
        api_url=api_url,
        event_url=CLOUD_EVENTS if is_cloud else api_url,
        signing_key=first,
        fallback_key=_signing_key(fallback_key, "--signing-key-fallback (INNGEST_SIGNING_KEY_FALLBACK)"),
        event_key=SecretStr(event_key.strip()) if event_key and event_key.strip() else None,
        env=_env(env),
        allows_writes=allows_writes,
        only_reads=only_reads,
    )


def _signing_key(text: str | None, option: str) -> SigningKey | None:
    return SigningKey(SecretStr(text), option=option) if text and text.strip() else None


def _env(name: str | None) -> str | None:
    name = (name or "").strip()
    if not name:
        return None
    if len(name) > _MOST_NAME or not name.isprintable() or not name.isascii():
        raise ConfigError(
            "The name of the environment (--env, INNGEST_ENV) must be printable ASCII of at most "
            f"{_MOST_NAME} characters.",
            hint='Name a branch environment as the server lists it, such as "feature/checkout".',
        )
    return name


def _origin(text: str, option: str) -> str:
    shown = redacted_url(text)[:200]
    whole = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(whole)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        httpx.URL(whole)
    except (ValueError, httpx.InvalidURL):
        is_address = False
    if not is_address:
        raise ConfigError(
            f"{option} {shown!r} is neither {CLOUD!r} nor the http(s) address of an Inngest server.",
            hint=f"Name a server as in {option} http://127.0.0.1:8288.",
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(
            f"{option} {shown!r} must be an address alone, without a user, a query or a fragment.",
            hint="Keys are given as INNGEST_SIGNING_KEY and INNGEST_EVENT_KEY.",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
