"""The command line: `stepcue dev`, `mcp`, `mcp install`, `test`, `doctor` and `docs`.

What a command does is imported when it is called: `--version`, `--help` and `install` need none of it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from durable_engine.defaults import DEFAULT_DATA_FILE, DEFAULT_PORT, LEAST_EVENT_BYTES, MAX_EVENT_BYTES
from durable_engine.errors import DurableEngineError
from mcp_server.install.command import install
from mcp_server.later import Later
from mcp_server.lean_imports import without_console_of_httpx
from mcp_server.options import (
    ACCESS_OPTIONS,
    DOCS_OPTIONS,
    OFFER_OPTIONS,
    RETENTION_OPTIONS,
    STOP_GRACE_S,
    serve_url,
)
from mcp_server.remote_options import REMOTE_OPTIONS
from mcp_server.sizes import reading_size, show_size

F = TypeVar("F", bound=Callable[..., Any])

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
    help="Sign requests to apps, check their signatures, ask apps for the key; with --engine, that of the "
    "server. Also INNGEST_SIGNING_KEY.",
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
    click.option("--in-memory", is_flag=True, is_eager=True, help="Keep nothing after the end."),
    *RETENTION_OPTIONS,
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
    *REMOTE_OPTIONS,
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
        default=STOP_GRACE_S,
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


@contextmanager
def _loading() -> Iterator[None]:
    """Stop the collector: importing makes objects that stay. Whoever has loaded all starts it again."""
    gc.disable()
    without_console_of_httpx()
    try:
        yield
    finally:
        gc.enable()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stepcue")
def main() -> None:
    """Let AI assistants trigger, watch and debug workflows on the Inngest SDKs."""


@main.command()
@_with_options
def dev(**options: Any) -> None:
    """Run the engine and its MCP server, in place of an Inngest Dev Server.

    Start your app with INNGEST_DEV=1; it finds this server by itself on port 8288.
    With --engine there is no engine in here: the tools work on that Inngest server.
    """
    _log_to_stderr(verbose=options.pop("verbose"))
    with _loading():
        from mcp_server.launch import run_dev

        run_dev(options)


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
    with _loading():
        from mcp_server.launch import run_mcp

        run_mcp(options)


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
    from mcp_server.testing.command import UNUSABLE, TestOptions, run_tests
    from mcp_server.testing.files import FileError, read_files

    try:
        scenarios = read_files(files)
    except FileError as fault:
        raise click.UsageError(str(fault)) from None
    test_options = TestOptions(
        urls=tuple(map(serve_url, urls)),
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


main.add_command(
    Later(
        "doctor",
        "mcp_server.doctor_command",
        about="Find out what keeps apps and Stepcue from working together, and how to mend it.",
    )
)
main.add_command(
    Later(
        "docs",
        "mcp_server.docs_command",
        about="Import documentation for assistants to search, and search it from here.",
    )
)


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
