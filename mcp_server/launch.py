"""What `stepcue dev` and `stepcue mcp` do with their options: look who runs already, serve or attach."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

import click
import httpx
from click.core import ParameterSource
from pydantic import ValidationError

from durable_engine.config import EngineConfig
from durable_engine.errors import ConfigError, DurableEngineError
from durable_engine.redaction import redacted_url
from mcp_server.config import ServerConfig
from mcp_server.lean_imports import load_mcp_server
from mcp_server.options import read_offer, read_token, serve_url, show_offer
from mcp_server.remote_options import REMOTE_PORT, read_mirror, read_remote
from mcp_server.serving import ServeOptions, reachable_host, serve, serve_with_stdio

if TYPE_CHECKING:
    from mcp_server.remote.target import Target
    from mcp_server.remote_serving import RemoteOptions

logger = logging.getLogger(__name__)

_PROBE_TIMEOUT_S: Final = 2.0


def run_dev(options: Mapping[str, Any]) -> None:
    """Serve over HTTP until somebody stops the process."""
    target = read_remote(options, _given())
    if target is not None:
        from mcp_server.remote_serving import serve_remote

        remote = _remote_options(target, options)
        _run(serve_remote(remote, on_ready=lambda origin, where: _announce_remote(origin, where, remote)))
        return
    serve_options = _serve_options(options)
    _run(serve(serve_options, on_ready=lambda origin: _announce(origin, serve_options)))


def run_mcp(options: Mapping[str, Any]) -> None:
    """Serve MCP over stdio: what the Stepcue on the port serves, or an engine of our own."""
    target = read_remote(options, _given())
    if target is not None:
        from mcp_server.remote_serving import serve_remote_with_stdio

        _run(serve_remote_with_stdio(_remote_options(target, options)))
        return
    origin = f"http://{reachable_host(options['host'])}:{options['port']}"
    if options["port"] and _runs_stepcue(origin):
        if options["docs_folders"]:
            logger.warning("--docs says nothing to the Stepcue that runs at %s; give it to that one", origin)
        if read_mirror(options, _given()) is not None:
            logger.warning(
                "--mirror says nothing to the Stepcue that runs at %s; give it to that one", origin
            )
        _attach(f"{origin}/mcp", options)
    else:
        _run(serve_with_stdio(_serve_options(options)))


def _attach(url: str, options: Mapping[str, Any]) -> None:
    load_mcp_server()
    from mcp_server.attach import AttachError, attach  # the client side of MCP, which nothing else needs

    gc.freeze()  # as `mcp_later` does once all is loaded
    gc.enable()
    try:
        asyncio.run(attach(url, token=read_token(options), narrowed=read_offer(options)))
    except AttachError as error:
        click.echo(f"stepcue: {error}", err=True)
        sys.exit(1)


def _given() -> frozenset[str]:
    """Return the names of the options that stood on the command line."""
    context = click.get_current_context()
    source = context.get_parameter_source
    return frozenset(name for name in context.params if source(name) is ParameterSource.COMMANDLINE)


def _remote_options(target: Target, options: Mapping[str, Any]) -> RemoteOptions:
    from mcp_server.remote_serving import RemoteOptions

    port = options["port"] if "port" in _given() else REMOTE_PORT
    return RemoteOptions(target=target, **_doors({**options, "port": port}))


def _doors(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `DoorOptions`."""
    as_given = ("host", "port", "allowed_hosts", "allowed_origins", "docs_folders")
    return {
        **{name: options[name] for name in as_given},
        "server": read_offer(options) or ServerConfig(),
        "token": read_token(options),
    }


def _serve_options(options: Mapping[str, Any]) -> ServeOptions:
    try:
        engine = EngineConfig(
            data_file=None if options["in_memory"] else options["data"],
            app_urls=tuple(map(serve_url, options["urls"])),
            polls=not options["no_poll"],
            poll_interval_s=options["poll_interval"],
            discovers=not options["no_discovery"],
            signing_key=options["signing_key"] or None,
            max_event_bytes=options["max_event_size"],
            keep_runs_s=options["keep_runs"],
            max_data_bytes=options["max_data_size"],
        )
    except ValidationError as error:
        raise click.UsageError(error.errors()[0]["msg"]) from None
    return ServeOptions(
        engine=engine,
        **_doors(options),
        stop_grace_s=options["stop_grace"],
        mirror=read_mirror(options, _given()),
    )


def _runs_stepcue(origin: str) -> bool:
    """Whether a Stepcue answers there; anything else on the port is reported when we try to listen."""
    try:
        answer = httpx.get(f"{origin}/dev", timeout=_PROBE_TIMEOUT_S, trust_env=False)
        return answer.status_code == 200 and answer.json().get("server") == "stepcue"
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


def _announce(origin: str, options: ServeOptions) -> None:
    engine = options.engine
    data = "in memory" if engine.data_file is None else str(engine.data_file)
    apps = ", ".join(map(redacted_url, engine.app_urls)) or (
        "looking on the usual ports" if engine.discovers else "none given"
    )
    start = "the same INNGEST_SIGNING_KEY" if engine.signing_key else "INNGEST_DEV=1"
    header = ' --header "Authorization: Bearer $STEPCUE_TOKEN"' if options.token else ""
    is_whole = options.server == ServerConfig()
    tools = "" if is_whole else f"  tools       {show_offer(options.server)}\n"
    folders = ", ".join(map(str, options.docs_folders))
    docs = f"  docs        {folders}, and the shipped pages\n" if folders else ""
    mirror = f"  mirrors     runs of {options.mirror.shown_url}\n" if options.mirror else ""
    click.echo(
        f"Stepcue listens on {origin}\n"
        f"  apps        {apps} (start them with {start})\n"
        f"  assistant   claude mcp add --transport http stepcue {origin}/mcp{header}\n"
        f"{tools}"
        f"{docs}"
        f"{mirror}"
        f"  data        {data}\n"
        "  stop with   Ctrl-C",
        err=True,
    )


def _announce_remote(origin: str, environment: str, options: RemoteOptions) -> None:
    header = ' --header "Authorization: Bearer $STEPCUE_TOKEN"' if options.token else ""
    writes = "allowed" if options.target.allows_writes else "only on a Dev Server of this machine"
    click.echo(
        f"Stepcue listens on {origin}\n"
        f"  works on    {environment}\n"
        f"  writes      {writes}\n"
        f"  assistant   claude mcp add --transport http stepcue {origin}/mcp{header}\n"
        "  stop with   Ctrl-C",
        err=True,
    )


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except DurableEngineError as error:
        click.echo(f"stepcue: {error} {error.hint}".rstrip(), err=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
