"""What stands in a client's configuration for one server; the one place that writes it, for all to use."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from durable_engine.defaults import DEFAULT_DATA_FILE, DEFAULT_PORT
from mcp_server.install.clients import Client, Scope
from mcp_server.install.json_edit import pretty

SERVER_NAME: Final = "stepcue"
DEFAULT_URL: Final = f"http://127.0.0.1:{DEFAULT_PORT}/mcp"
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Address:
    """A Stepcue that runs, and listens at `url`."""

    url: str


@dataclass(frozen=True, slots=True)
class Command:
    """A Stepcue that the client starts itself."""

    program: str
    args: tuple[str, ...] = ("mcp",)


Target = Address | Command


def this_program() -> tuple[str, ...]:
    """Return the command that is running, by its absolute path: a desktop application has no other PATH."""
    called = shutil.which(sys.argv[0])
    beside = shutil.which("stepcue", path=str(Path(sys.executable).parent))
    for found in (called, beside):
        if found is not None and Path(found).stem == "stepcue":
            path = Path(found).absolute()
            # uv keeps what it runs in a cache that it may empty.
            is_cached = any(part.startswith("archive-v") for part in path.parts)
            return ("uvx", "stepcue") if is_cached else (str(path),)
    return (sys.executable, "-m", "mcp_server")


def start_command(client: Client, scope: Scope, *, program: Sequence[str], url: str, home: Path) -> Command:
    """Return how the client starts a Stepcue, which uses the one that runs at `url` if there is one."""
    args = [*program[1:], "mcp"]
    port = urlsplit(url).port or DEFAULT_PORT
    if port != DEFAULT_PORT:
        args += ["--port", str(port)]
    if client.windowed and scope == "user":
        # Started in no project, perhaps in a folder that nobody may write to.
        args += ["--data", str(home / DEFAULT_DATA_FILE)]
    return Command(program[0], tuple(args))


def entry(client: Client, target: Target) -> dict[str, Any]:
    """Return the value that stands under the server's name."""
    if isinstance(target, Address):
        return ({"type": "http"} if client.typed else {}) | {client.url_key: target.url}
    typed = {"type": "stdio"} if client.typed else {}
    return typed | {"command": target.program, "args": list(target.args)}


def document(client: Client, target: Target, *, name: str = SERVER_NAME) -> str:
    """Return a whole configuration file that holds this server and nothing else, for people to copy."""
    value = entry(client, target)
    if client.form == "toml":
        return toml_table(client.table, name, value)
    return pretty({client.table: {name: value}}) + "\n"


def toml_table(table: str, name: str, value: Mapping[str, Any]) -> str:
    """Return `value`, which holds texts and lists of texts, as a TOML table that ends with a newline."""
    key = name if _BARE_KEY.fullmatch(name) else _toml(name)
    lines = [f"{field} = {_toml(content)}" for field, content in value.items()]
    return "\n".join([f"[{table}.{key}]", *lines]) + "\n"


def _toml(value: str | list[str]) -> str:
    # A basic string of TOML is one of JSON, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def claude_add(target: Target, *, name: str = SERVER_NAME, scope: Scope | None = None) -> tuple[str, ...]:
    """Return the command by which Claude Code adds a server itself; without a scope for one project only."""
    scoped = ("--scope", scope) if scope else ()
    if isinstance(target, Address):
        return ("claude", "mcp", "add", *scoped, "--transport", "http", name, target.url)
    return ("claude", "mcp", "add", *scoped, name, "--", target.program, *target.args)


def shown(command: Sequence[str]) -> str:
    """Return a command as one types it into a shell."""
    return shlex.join(command)
