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
        help="With --engine: used when --signing-key is refused. Also INNGEST_SIGNING_KEY_FALLBACK.",
    ),
    click.option(
        "--env",
        envvar="INNGEST_ENV",
        metavar="NAME",
        help="With --engine: branch environment to work on. Also INNGEST_ENV.",
    ),
    click.option(
        "--allow-writes",
        is_flag=True,
        envvar="STEPCUE_ALLOW_WRITES",
        show_envvar=True,
        help="With --engine: offer tools that change something on a server that is no local Dev Server.",
    ),
)
"""Which server, as whom, and what may be done there."""

_ONLY_REMOTE: Final = {
    "event_key": "--event-key",
    "signing_key_fallback": "--signing-key-fallback",
    "env": "--env",
    "allow_writes": "--allow-writes",
}
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
    from durable_engine.errors import ConfigError
    from mcp_server.remote.target import read_target

    try:
        return read_target(
            engine,
            signing_key=options["signing_key"],
            fallback_key=options["signing_key_fallback"],
            event_key=options["event_key"],
            env=options["env"],
            allows_writes=options["allow_writes"],
        )
    except ConfigError as fault:
        raise click.UsageError(f"{fault} {fault.hint}") from None
