"""Where clients keep their configuration, by system and scope."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_server.install.clients import Client, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What decides about paths: the system, as `sys.platform` calls it, and somebody's folders on it."""

    system: str
    home: Path
    project: Path
    environment: Mapping[str, str]


def this_machine() -> Machine:
    """Return where we run; the project is the working directory."""
    return Machine(system=sys.platform, home=Path.home(), project=Path.cwd(), environment=os.environ)


def config_file(client: Client, scope: Scope, machine: Machine) -> Path | None:
    """Return the file to add a server to; None when the client keeps it where only its own command writes.

    The client must have the scope.
    """
    project, home, data = machine.project, machine.home, _application_data(machine)
    codex = Path(machine.environment.get("CODEX_HOME") or home / ".codex")
    files: dict[tuple[str, Scope], Path] = {
        ("claude-code", "project"): project / ".mcp.json",
        ("claude-desktop", "user"): data / "Claude" / "claude_desktop_config.json",
        ("cursor", "project"): project / ".cursor" / "mcp.json",
        ("cursor", "user"): home / ".cursor" / "mcp.json",
        ("vscode", "project"): project / ".vscode" / "mcp.json",
        ("vscode", "user"): data / "Code" / "User" / "mcp.json",
        ("codex", "project"): project / ".codex" / "config.toml",
        ("codex", "user"): codex / "config.toml",
        ("windsurf", "user"): home / ".codeium" / "windsurf" / "mcp_config.json",
    }
    return files.get((client.name, scope))


def _application_data(machine: Machine) -> Path:
    if machine.system == "darwin":
        return machine.home / "Library" / "Application Support"
    if machine.system == "win32":
        return Path(machine.environment.get("APPDATA") or machine.home / "AppData" / "Roaming")
    return Path(machine.environment.get("XDG_CONFIG_HOME") or machine.home / ".config")
