"""The command line: `stepcue dev`, `mcp`, `mcp install`, `test`, `doctor` and `docs`."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import httpx
from click.core import ParameterSource
from pydantic import ValidationError

from durable_engine import DEFAULT_DATA_FILE, DEFAULT_PORT, EngineConfig
from durable_engine.config import LEAST_EVENT_BYTES, MAX_EVENT_BYTES
from durable_engine.errors import ConfigError, DurableEngineError
from durable_engine.redaction import redacted_url
from mcp_server.attach import AttachError, attach
from mcp_server.config import ServerConfig
from mcp_server.docs_command import docs
from mcp_server.doctor_command import doctor_command
from mcp_server.install.command import install
from mcp_server.options import (
    ACCESS_OPTIONS,
    DOCS_OPTIONS,
    OFFER_OPTIONS,
    read_offer,
    read_token,
    show_offer,
)
from mcp_server.serving import CALLS_GRACE_S, ServeOptions, reachable_host, serve, serve_with_stdio
from mcp_server.sizes import reading_size, show_size
from mcp_server.testing.command import UNUSABLE, TestOptions, run_tests
from mcp_server.testing.files import FileError, read_files

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_PROBE_TIMEOUT_S: Final = 2.0
_URLS: Final = click.option(
    "-u",
    "--sdk-url",
    "urls",
    multiple=True,
    metavar="URL",
    help="Serve endpoint of an app, such as http://127.0.0.1:8000/api/inngest. Repeatable.",
)
_SIGNING_KEY: Final = click.option(
    "--signing-key",
    envvar="INNGEST_SIGNING_KEY",
    help="Sign requests to apps, check their signatures, ask apps for the key. Also INNGEST_SIGNING_KEY.",
)
_OPTIONS: Final = (
    _URLS,
    click.option("-p", "--port", type=click.IntRange(0, 65_535), default=DEFAULT_PORT, show_default=True),
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option(
        "--data",
        type=click.Path(dir_okay=False, path_type=Path),
        default=DEFAULT_DATA_FILE,
        show_default=True,
        help="File that keeps events and runs.",
    ),
    click.option("--in-memory", is_flag=True, help="Keep nothing after the end."),
    click.option("--no-discovery", is_flag=True, help="Do not look for apps on the usual ports."),
    click.option("--no-poll", is_flag=True, help="Do not sync known apps again and again."),
    click.option(
        "--poll-interval",
        type=click.FloatRange(0.1, 3_600),
        default=5.0,
        show_default=True,
        help="Seconds between two syncs.",
    ),
    _SIGNING_KEY,
    click.option(
        "--max-event-size",
        callback=reading_size(LEAST_EVENT_BYTES, MAX_EVENT_BYTES),
        metavar="SIZE",
        default=show_size(MAX_EVENT_BYTES),
        show_default=True,
        help="Largest event that is accepted, such as 512KB; in the Inngest cloud it depends on the plan.",
    ),
    click.option(
        "--stop-grace",
        type=click.FloatRange(0, 600),
        default=CALLS_GRACE_S,
        show_default=True,
        help="Seconds that open calls to apps have to end when it is stopped.",
    ),
    *ACCESS_OPTIONS,
    *OFFER_OPTIONS,
    *DOCS_OPTIONS,
    click.option("-v", "--verbose", is_flag=True, help="Log more."),
)


def _with_options(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stepcue")
def main() -> None:
    """Let AI assistants trigger, watch and debug workflows on the Inngest SDKs."""


@main.command()
@_with_options
def dev(**options: Any) -> None:
    """Run the engine and its MCP server, in place of an Inngest Dev Server.

    Start your app with INNGEST_DEV=1; it finds this server by itself on port 8288.
    """
    _log_to_stderr(verbose=options.pop("verbose"))
    serve_options = _serve_options(options)
    _run(serve(serve_options, on_ready=lambda origin: _announce(origin, serve_options)))


@main.group(invoke_without_command=True)
@_with_options
@click.pass_context
def mcp(context: click.Context, /, **options: Any) -> None:
    """Serve MCP over stdio, for assistants that start their servers themselves.

    Attaches to the Stepcue on the port, or runs the engine itself when there is none.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    _log_to_stderr(verbose=options.pop("verbose"))
    origin = f"http://{reachable_host(options['host'])}:{options['port']}"
    if options["port"] and _runs_stepcue(origin):
        if options["docs_folders"]:
            logger.warning("--docs says nothing to the Stepcue that runs at %s; give it to that one", origin)
        _run(attach(f"{origin}/mcp", token=read_token(options), narrowed=read_offer(options)))
    else:
        _run(serve_with_stdio(_serve_options(options)))


def _refuse_options(context: click.Context) -> None:
    given = [
        name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"Options before {context.invoked_subcommand!r} are for serving, and say nothing to it; "
            "it has options of its own, such as --url."
        )


mcp.add_command(install)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_URLS
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65_535),
    help=f"Port to listen on; {DEFAULT_PORT} if it is free, otherwise a free one.",
)
@_SIGNING_KEY
@click.option("--timeout", type=click.FloatRange(0, 3_600), help="Seconds for each test, instead of its own.")
@click.option("--junit-xml", type=click.Path(dir_okay=False, path_type=Path), help="Write a report for CI.")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def test(files: tuple[Path, ...], urls: tuple[str, ...], **options: Any) -> None:
    """Carry out the tests in scenario FILES on apps that run, with an engine in memory.

    Exits with 0 if all pass, with 1 if a check failed, with 2 if a test could not be carried out.
    """
    _log_to_stderr(verbose=options["verbose"], least=logging.ERROR)
    try:
        scenarios = read_files(files)
    except FileError as fault:
        raise click.UsageError(str(fault)) from None
    test_options = TestOptions(
        urls=tuple(map(_serve_url, urls)),
        port=options["port"],
        timeout_s=options["timeout"],
        signing_key=options["signing_key"],
        junit_xml=options["junit_xml"],
    )
    try:
        code = asyncio.run(run_tests(scenarios, test_options, say=click.echo))
    except DurableEngineError as error:
        click.echo(f"stepcue: {error} {error.hint}".rstrip(), err=True)
        code = UNUSABLE
    sys.exit(code)


def _serve_options(options: Mapping[str, Any]) -> ServeOptions:
    try:
        engine = EngineConfig(
            data_file=None if options["in_memory"] else options["data"],
            app_urls=tuple(map(_serve_url, options["urls"])),
            polls=not options["no_poll"],
            poll_interval_s=options["poll_interval"],
            discovers=not options["no_discovery"],
            signing_key=options["signing_key"] or None,
            max_event_bytes=options["max_event_size"],
        )
    except ValidationError as error:
        raise click.UsageError(error.errors()[0]["msg"]) from None
    return ServeOptions(
        engine=engine,
        server=read_offer(options) or ServerConfig(),
        host=options["host"],
        port=options["port"],
        allowed_hosts=options["allowed_hosts"],
        allowed_origins=options["allowed_origins"],
        token=read_token(options),
        docs_folders=options["docs_folders"],
        stop_grace_s=options["stop_grace"],
    )


def _serve_url(text: str) -> str:
    """Complete what people type: a missing scheme, or the path that most frameworks use."""
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL as fault:
        raise click.BadParameter(
            f"{redacted_url(text)!r} is not a URL: {fault}.", param_hint="--sdk-url"
        ) from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise click.BadParameter(f"{redacted_url(text)!r} is not an http(s) URL.", param_hint="--sdk-url")
    return str(url.copy_with(path="/api/inngest") if url.path in {"", "/"} else url)


main.add_command(doctor_command(_serve_url))
main.add_command(docs)


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
    click.echo(
        f"Stepcue listens on {origin}\n"
        f"  apps        {apps} (start them with {start})\n"
        f"  assistant   claude mcp add --transport http stepcue {origin}/mcp{header}\n"
        f"{tools}"
        f"{docs}"
        f"  data        {data}\n"
        "  stop with   Ctrl-C",
        err=True,
    )


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except (DurableEngineError, AttachError) as error:
        hint = error.hint if isinstance(error, DurableEngineError) else ""
        click.echo(f"stepcue: {error} {hint}".rstrip(), err=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)


def _log_to_stderr(*, verbose: bool, least: int = logging.INFO) -> None:
    # Stdout belongs to MCP over stdio; `MCPServer()` would configure logging itself if we did not first.
    logging.basicConfig(
        level=logging.DEBUG if verbose else least,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for chatty in (
        "httpx",
        "httpx2",
        "httpcore",
        "httpcore2",
        "mcp",
        "uvicorn",
        "asyncio",
        "sse_starlette",
        "filelock",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)
