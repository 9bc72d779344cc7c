"""The assistants that Stepcue can be added to, and what each wants its configuration to look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Scope = Literal["project", "user"]
Transport = Literal["http", "stdio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One assistant. Of `transports` and `scopes` the first is what it gets unless told otherwise."""

    name: str
    """As people type it, e.g. "claude-code"."""

    title: str
    """As its vendor writes it."""

    file: str
    """Its configuration in the first of its scopes, as people call it."""

    table: str = "mcpServers"
    """Key of the object that holds the servers by name."""

    form: Literal["json", "toml"] = "json"
    typed: bool = False
    """Whether an entry says which transport it is, as `type`."""

    url_key: str = "url"
    transports: tuple[Transport, ...] = ("http", "stdio")
    scopes: tuple[Scope, ...] = ("project", "user")
    windowed: bool = True
    """A desktop application: it has neither the PATH nor the working directory of a terminal."""

    then: str
    """What is left to do by hand; {name} is the entry's name."""


CLIENTS: Final = {
    client.name: client
    for client in (
        Client(
            name="claude-code",
            title="Claude Code",
            file=".mcp.json",
            typed=True,
            windowed=False,
            then="Start Claude Code here, approve the server, and look at it with /mcp.",
        ),
        Client(
            name="claude-desktop",
            title="Claude Desktop",
            file="claude_desktop_config.json",
            transports=("stdio",),
            scopes=("user",),
            then="Quit Claude Desktop and start it again.",
        ),
        Client(
            name="cursor",
            title="Cursor",
            file=".cursor/mcp.json",
            then="Switch {name} on in Cursor's settings, under MCP.",
        ),
        Client(
            name="vscode",
            title="VS Code",
            file=".vscode/mcp.json",
            table="servers",
            typed=True,
            then="Press Start above the entry in the file, then choose agent mode in the chat.",
        ),
        Client(
            name="codex",
            title="Codex",
            file="~/.codex/config.toml",
            table="mcp_servers",
            form="toml",
            scopes=("user", "project"),
            windowed=False,
            then="Start Codex and look at it with /mcp.",
        ),
        Client(
            name="windsurf",
            title="Windsurf",
            file="~/.codeium/windsurf/mcp_config.json",
            url_key="serverUrl",
            scopes=("user",),
            then="Refresh the MCP servers in Cascade's panel.",
        ),
    )
}
