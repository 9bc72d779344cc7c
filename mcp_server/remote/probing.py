"""What a server is and what it can do, found out by asking it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mcp_server.remote.connection import Connection
from mcp_server.remote.errors import (
    AbsentError,
    FaultyAnswerError,
    NotAllowedError,
    NotOfferedError,
    RateLimitedError,
    RejectedError,
    RemoteError,
    UnreachableError,
)
from mcp_server.remote.faults import Answer
from mcp_server.remote.reading import an_object, has, text
from mcp_server.remote.target import Target

_PREFIXES: Final = ("/v2", "/api/v2")
_NO_SUCH: Final = (NotOfferedError, AbsentError, RejectedError)
_KEY_KINDS: Final = {"prod": "production", "test": "test"}
"""What the prefix of a signing key says."""


class ServerKind(StrEnum):
    """Who answers."""

    STEPCUE = "Stepcue"
    DEV = "Inngest Dev Server"
    SELF_HOSTED = "self-hosted Inngest"
    CLOUD = "Inngest Cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What is known of a server; `v2` is the path of its API v2, None without one."""

    kind: ServerKind
    version: str | None = None
    v2: str | None = None
    has_v1: bool = False
    lists_runs: bool = False
    lists_apps: bool = False

    @property
    def is_for_development(self) -> bool:
        """Whether nothing that counts can be running there."""
        return self.kind in {ServerKind.STEPCUE, ServerKind.DEV}


async def probe(connection: Connection) -> Capabilities:
    """Ask a server who it is and which APIs it has.

    Raises:
        UnreachableError: nobody answers.
        KeyRefusedError: it takes no request with this key.
        RemoteError: it answers, and not as an Inngest server does.
    """
    about = await _about(connection)
    kind = _kind(connection.target, about)
    prefix = await _v2(connection)
    found = await asyncio.gather(
        *(_is_there(connection, path) for path in (f"{prefix}/runs", f"{prefix}/apps", "/v1/events"))
    )
    faults = [fault for fault in found if isinstance(fault, RemoteError)]
    if faults and True not in found:
        raise faults[0]
    # What fails at the moment, or refuses this key, is there: who calls it is told.
    runs, apps, events = (answer is not False for answer in found)
    if not (runs or events):
        raise FaultyAnswerError(
            f"{connection.target.shown_url} answers, but knows neither API v1 nor API v2 of Inngest.",
            hint=f"Check that {connection.target.option} names an Inngest server, and nothing that stands "
            "before it.",
        )
    return Capabilities(
        kind=kind,
        version=text(an_object(about.body), "version") if about else None,
        v2=prefix if runs or apps else None,
        has_v1=events,
        lists_runs=runs,
        lists_apps=apps,
    )


async def kind_of(connection: Connection) -> ServerKind:
    """Ask a server who it is, and nothing else; raises as `probe`."""
    return _kind(connection.target, await _about(connection))


def environment_name(target: Target, known: Capabilities | None) -> str:
    """Return which environment answers speak of, for people: the server, and where in it."""
    if target.is_cloud:
        kind = target.signing_key.environment if target.signing_key else ""
        its = _KEY_KINDS.get(kind, "that of the signing key")
        return f"{ServerKind.CLOUD}, environment: {its if target.env is None else repr(target.env)}"
    who = "Inngest server" if known is None else known.kind.value
    where = "" if target.env is None else f", environment: {target.env!r}"
    return f"{who} at {target.shown_url}{where}"


async def _about(connection: Connection) -> Answer | None:
    """Return what a server for development says of itself; None for others."""
    if connection.target.is_cloud:
        return None
    try:
        return await connection.ask("GET", "/dev")
    except (UnreachableError, RateLimitedError):
        raise
    # Whoever stands before a server may refuse pages that it has not; the APIs tell whether the key is good.
    except RemoteError:
        return None


def _kind(target: Target, about: Answer | None) -> ServerKind:
    if target.is_cloud:
        return ServerKind.CLOUD
    if about is None or not isinstance(about.body, dict):
        return ServerKind.SELF_HOSTED
    if about.body.get("server") == "stepcue":
        return ServerKind.STEPCUE
    # Writes are free on a Dev Server, so that it must say that it is one: a self-hosted server may show this
    # page too, and whoever stands before one answers any path with JSON of its own.
    is_dev = about.headers.get("x-inngest-server-kind", "").lower() == "dev"
    is_dev = is_dev and not has(about.body, "isSingleNodeService")
    return ServerKind.DEV if is_dev else ServerKind.SELF_HOSTED


async def _v2(connection: Connection) -> str:
    for prefix in _PREFIXES:
        if await _is_there(connection, f"{prefix}/health") is True:
            return prefix
    return _PREFIXES[0]


async def _is_there(connection: Connection, path: str) -> bool | RemoteError:
    """Whether a server has a path to read from, or else what keeps it from telling.

    Raises:
        UnreachableError: nobody answers.
        KeyRefusedError: it takes no request with this key.
    """
    try:
        await connection.ask("GET", path, query=None if path.endswith("/health") else {"limit": 1})
    except _NO_SUCH:
        return False
    except (NotAllowedError, FaultyAnswerError, RateLimitedError) as fault:
        return fault
    return True
