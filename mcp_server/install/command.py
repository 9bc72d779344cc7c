"""`stepcue mcp install`: add Stepcue to the configuration of assistants."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import urlsplit

import click

from mcp_server.install.clients import CLIENTS, Client, Scope, Transport
from mcp_server.install.entries import (
    DEFAULT_URL,
    SERVER_NAME,
    Address,
    Command,
    Target,
    start_command,
    this_program,
)
from mcp_server.install.locations import Machine, this_machine
from mcp_server.install.plan import Wish, snippet
from mcp_server.install.plan import install as carry_out
from mcp_server.nearest import did_you_mean

_NAMES: Final = ", ".join(CLIENTS)


def _clients(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[Client, ...]:
    names = [name.strip() for value in values for name in value.split(",") if name.strip()]
    for name in names:
        if name not in CLIENTS:
            raise click.BadParameter(
                f"there is no client {name!r}{did_you_mean(name, CLIENTS)} Known: {_NAMES}."
            )
    if not names:
        raise click.BadParameter(f"name at least one of: {_NAMES}.")
    return tuple(CLIENTS[name] for name in dict.fromkeys(names))


def _url(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in value):
        raise click.BadParameter(f"{value!r} is not an http(s) URL such as {DEFAULT_URL}.")
    return value


def _engine(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None or value.strip().lower() == "cloud":
        return value and "cloud"
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or any(character.isspace() for character in value):
        raise click.BadParameter("it is neither 'cloud' nor the http(s) address of an Inngest server.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise click.BadParameter(
            "an address alone goes into the file, without a user, a query or a fragment; keys are variables."
        )
    return value


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not value or not value.replace("-", "").replace("_", "").isalnum() or not value.isascii():
        raise click.BadParameter("a name has letters, digits, '-' and '_' only.")
    if value.startswith("-"):
        raise click.BadParameter("a name begins with a letter, a digit or '_'.")
    return value


@click.command()
@click.option(
    "--client",
    "clients",
    multiple=True,
    callback=_clients,
    metavar="NAME",
    help=f"Assistant to add Stepcue to; repeatable, or several with commas. One of: {_NAMES}.",
)
@click.option(
    "--transport",
    type=click.Choice(["http", "stdio"]),
    help="http: use the Stepcue that runs (default). stdio: let the client start it, as Claude Desktop must.",
)
@click.option("--url", default=DEFAULT_URL, show_default=True, callback=_url, help="Where Stepcue listens.")
@click.option(
    "--engine",
    callback=_engine,
    metavar="URL",
    help="Let the client start one that works on that Inngest server, an address or cloud; writes no key.",
)
@click.option("--name", default=SERVER_NAME, show_default=True, callback=_name, help="Name of the entry.")
@click.option(
    "--scope",
    type=click.Choice(["project", "user"]),
    help="project: this folder (default where there is that, but for Codex). user: all your projects.",
)
@click.option("--replace", is_flag=True, help="Replace another entry of that name; a copy of the file stays.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--print", "only_print", is_flag=True, help="Print what to add where, and look at no file.")
def install(  # noqa: PLR0913 - its options
    *,
    clients: tuple[Client, ...],
    transport: str | None,
    url: str,
    engine: str | None,
    name: str,
    scope: str | None,
    replace: bool,
    dry_run: bool,
    only_print: bool,
) -> None:
    """Add Stepcue to the configuration of assistants, which otherwise stays as it is.

    Exits with 0 if every client has the entry now, with 1 if one could not get it.
    """
    machine = this_machine()
    wishes = []
    for client in clients:
        chosen = _scope(client, scope)
        if engine is None:
            target = _target(client, transport, chosen, url, machine)
        else:
            target = _on_a_server(client, transport, engine)
        wishes.append(
            Wish(client=client, scope=chosen, target=target, name=name, replace=replace, dry_run=dry_run)
        )
    if only_print:
        click.echo("\n".join(snippet(wish, machine) for wish in wishes), nl=False)
        return
    reports = [carry_out(wish, machine) for wish in wishes]
    for report in reports:
        click.echo(report.text, err=not report.done)
    if not dry_run and any(report.done for report in reports):
        for line in _remarks(wishes):
            click.echo(line)
        if engine is not None:
            click.echo(
                "No key was written: set INNGEST_SIGNING_KEY where the assistant starts, if it needs one."
            )
    sys.exit(0 if all(report.done for report in reports) else 1)


def _remarks(wishes: Sequence[Wish]) -> list[str]:
    lines = []
    if any(isinstance(wish.target, Address) for wish in wishes):
        lines.append("Over http, Stepcue has to run before the assistant connects: stepcue dev")
    if any(isinstance(wish.target, Command) and wish.scope == "project" for wish in wishes):
        lines.append("A file of the project now holds a path of this machine; for a shared one, use http.")
    return lines


def _scope(client: Client, scope: str | None) -> Scope:
    if scope is not None and scope not in client.scopes:
        raise click.UsageError(f"{client.title} has no configuration for a {scope}; leave --scope out.")
    return client.scopes[0] if scope is None else scope


def _on_a_server(client: Client, transport: str | None, engine: str) -> Target:
    """Return how the client starts a Stepcue that works on an Inngest server elsewhere."""
    if transport == "http" or "stdio" not in client.transports:
        raise click.UsageError(
            f"With --engine {client.title} starts the server itself, over stdio. Over http, start "
            "`stepcue dev --engine` and give its address with --url, such as http://127.0.0.1:8290/mcp."
        )
    program, *arguments = this_program()
    return Command(program, (*arguments, "mcp", "--engine", engine))


def _target(client: Client, transport: str | None, scope: Scope, url: str, machine: Machine) -> Target:
    chosen: Transport = cast("Transport", transport or client.transports[0])
    if chosen not in client.transports:
        raise click.UsageError(
            f"{client.title} only starts servers itself; leave --transport out, or choose stdio."
        )
    if chosen == "http":
        return Address(url)
    from durable_engine.http_api.guard import LOOPBACK_HOSTS  # with starlette: `--help` shows this command

    if urlsplit(url).scheme != "http" or urlsplit(url).hostname not in LOOPBACK_HOSTS:
        raise click.UsageError(
            f"Over stdio {client.title} would start a Stepcue of its own here, and never reach {url}. "
            "Use --transport http, or a client that can."
        )
    return start_command(client, scope, program=this_program(), url=url, home=machine.home)
