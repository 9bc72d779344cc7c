"""Options for a server elsewhere instead of the embedded engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from mcp_server.remote.target import Target

REMOTE_PORT: Final = 8290
"""A Dev Server has 8288 and 8289."""

REMOTE_OPTIONS: Final = (
    click.option(
        "--engine",
        envvar="STEPCUE_ENGINE",
        show_envvar=True,
        metavar="URL",
        help="Inngest server to work on instead of the engine in here: an address, or cloud.",
    ),
    click.option(
        "--event-key",
        envvar="INNGEST_EVENT_KEY",
        help="With --engine: the key to send events with. Prefer INNGEST_EVENT_KEY: others see commands.",
    ),
    click.option(
        "--signing-key-fallback",
        envvar="INNGEST_SIGNING_KEY_FALLBACK",
        help="With --engine or --mirror: used when the key is refused. Also INNGEST_SIGNING_KEY_FALLBACK.",
    ),
    click.option(
        "--env",
        envvar="INNGEST_ENV",
        metavar="NAME",
        help="With --engine or --mirror: branch environment there. Also INNGEST_ENV.",
    ),
    click.option(
        "--allow-writes",
        is_flag=True,
        envvar="STEPCUE_ALLOW_WRITES",
        show_envvar=True,
        help="With --engine: offer tools that change something on a server that is no local Dev Server.",
    ),
    click.option(
        "--mirror",
        envvar="STEPCUE_MIRROR",
        show_envvar=True,
        metavar="URL",
        help="Inngest server whose runs can be repeated here (mirror_run), an address or cloud; only read.",
    ),
    click.option(
        "--mirror-signing-key",
        envvar="STEPCUE_MIRROR_SIGNING_KEY",
        show_envvar=True,
        help="With --mirror: the signing key of that server; otherwise --signing-key.",
    ),
)
"""Which server, as whom, and what may be done there."""

_ONLY_REMOTE: Final = {
    "event_key": "--event-key",
    "allow_writes": "--allow-writes",
}
_ELSEWHERE: Final = {"signing_key_fallback": "--signing-key-fallback", "env": "--env"}
_ONLY_EMBEDDED: Final = {
    "urls": "--sdk-url",
    "data": "--data",
    "in_memory": "--in-memory",
    "keep_runs": "--keep-runs",
    "max_data_size": "--max-data-size",
    "no_discovery": "--no-discovery",
    "no_poll": "--no-poll",
    "poll_interval": "--poll-interval",
    "max_event_size": "--max-event-size",
    "stop_grace": "--stop-grace",
    "mirror": "--mirror",
    "mirror_signing_key": "--mirror-signing-key",
}


def read_remote(options: Mapping[str, Any], given: Collection[str]) -> Target | None:
    """Return the server that the options name; None for the embedded engine.

    `given` are the names of the options that stood on the command line.

    Raises:
        UsageError: options contradict each other, or one cannot be used; no key is repeated.
    """
    engine = (options["engine"] or "").strip()
    misplaced = _ONLY_EMBEDDED if engine else _ONLY_REMOTE
    for name, flag in misplaced.items():
        if name in given:
            why = "is about the engine in here, which --engine replaces" if engine else "needs --engine"
            raise click.UsageError(f"{flag} {why}.")
    if not engine:
        return None
    return _read(
        engine,
        option="--engine",
        signing_key=options["signing_key"],
        fallback_key=options["signing_key_fallback"],
        event_key=options["event_key"],
        env=options["env"],
        allows_writes=options["allow_writes"],
    )


def read_mirror(options: Mapping[str, Any], given: Collection[str]) -> Target | None:
    """Return the server whose runs can be repeated on the engine in here; raises as `read_remote`."""
    mirror = (options["mirror"] or "").strip()
    if not mirror:
        for name, flag in {**_ELSEWHERE, "mirror_signing_key": "--mirror-signing-key"}.items():
            if name in given:
                needed = "--mirror" if name.startswith("mirror") else "--engine or --mirror"
                raise click.UsageError(f"{flag} needs {needed}.")
        return None
    return _read(
        mirror,
        option="--mirror",
        signing_key=options["mirror_signing_key"] or options["signing_key"],
        fallback_key=options["signing_key_fallback"],
        env=options["env"],
        only_reads=True,
    )


def _read(server: str, **settings: Any) -> Target:
    from durable_engine.errors import ConfigError
    from mcp_server.remote.target import read_target

    try:
        return read_target(server, **settings)
    except ConfigError as fault:
        raise click.UsageError(f"{fault} {fault.hint}") from None
