"""Installs for one client: reads its file, merges, writes, and tells what came of it in one line."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mcp_server.install.clients import Client, Scope
from mcp_server.install.entries import Target, claude_add, document, entry, shown
from mcp_server.install.files import FileError, read_config, write_config
from mcp_server.install.locations import Machine, config_file
from mcp_server.install.merging import Outcome, UnusableError, merge

_CLAUDE_S: Final = 60
_FINE: Final = frozenset({Outcome.ADDED, Outcome.REPLACED, Outcome.PRESENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to install for one client."""

    client: Client
    scope: Scope
    target: Target
    name: str
    replace: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a wish: whether the client has the entry now, or would have, and lines for a person."""

    text: str
    done: bool


def snippet(wish: Wish, machine: Machine) -> str:
    """Return what the client's configuration has to hold, under the name of its file, for copying."""
    path = config_file(wish.client, wish.scope, machine)
    if path is None:
        return f"# {wish.client.title}\n{_command(wish)}\n"
    return f"# {wish.client.title}: {_shown(path, machine)}\n{_document(wish)}"


def install(wish: Wish, machine: Machine) -> Report:
    """Add the entry to the client's configuration, unless another one has its name."""
    path = config_file(wish.client, wish.scope, machine)
    if path is None:
        return _by_command(wish, machine)
    title, where = wish.client.title, _shown(path, machine)
    try:
        config = read_config(path)
        value = entry(wish.client, wish.target)
        merged = merge(config.text, wish.client, wish.name, value, replace=wish.replace)
        if merged.text != config.text and wish.dry_run:
            return Report(_preview(wish, merged.outcome, where), done=True)
        kept = None
        if merged.text != config.text:
            kept = write_config(config, merged.text, backup=merged.outcome is Outcome.REPLACED)
    except UnusableError as fault:
        return Report(f"{title}: {where} cannot be added to, and stays as it is: {fault}.", done=False)
    except FileError as fault:
        return Report(f"{title}: {where} cannot be used, and stays as it is: {fault}.", done=False)
    copy = _shown(kept, machine) if kept else ""
    return Report(f"{title}: {_sentence(wish, merged.outcome, where, copy)}", done=merged.outcome in _FINE)


def _sentence(wish: Wish, outcome: Outcome, where: str, copy: str) -> str:
    then = wish.client.then.format(name=wish.name)
    match outcome:
        case Outcome.PRESENT:
            return f"{wish.name!r} is already there in {where}, as it should be; nothing to do."
        case Outcome.DIFFERENT:
            return (
                f"another entry has the name {wish.name!r} in {where}, and was left alone. "
                "Replace it with --replace (a copy of the file is kept), or choose another --name."
            )
        case Outcome.REPLACED:
            return f"replaced {wish.name!r} in {where}; the old file is {copy}. {then}"
        case Outcome.ADDED:
            return f"added {wish.name!r} to {where}. {then}"


def _by_command(wish: Wish, machine: Machine) -> Report:
    """Let Claude Code write its own state, which it changes all the time; its command never overwrites."""
    title = wish.client.title
    claude = shutil.which("claude", path=machine.environment.get("PATH"))
    if wish.dry_run or claude is None:
        why = "would run" if wish.dry_run else "its command is not on the PATH here; run this where it is"
        return Report(f"{title}: {why}:\n  {_command(wish)}", done=wish.dry_run)
    words = claude_add(wish.target, name=wish.name, scope=wish.scope)
    try:
        ended = subprocess.run(  # noqa: S603 - the words are an argument list, there is no shell
            [claude, *words[1:]], capture_output=True, text=True, timeout=_CLAUDE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return Report(f"{title}: {_command(wish)!r} did not work: {fault}.", done=False)
    said = (ended.stdout + ended.stderr).strip()
    if ended.returncode:
        return Report(
            f"{title}: it did not take the entry, and says: {said}\n"
            f"  To replace one: claude mcp remove --scope {wish.scope} {wish.name}, then this again.",
            done=False,
        )
    return Report(f"{title}: {said or 'added'}", done=True)


def _command(wish: Wish) -> str:
    return shown(claude_add(wish.target, name=wish.name, scope=wish.scope))


def _document(wish: Wish) -> str:
    return document(wish.client, wish.target, name=wish.name)


def _preview(wish: Wish, outcome: Outcome, where: str) -> str:
    """Tell what would change; lines of the file itself are not shown, for they may hold keys."""
    verb = "replace the entry in" if outcome is Outcome.REPLACED else "add this to"
    lines = "\n".join(f"  {line}" for line in _document(wish).splitlines())
    return f"{wish.client.title}: would {verb} {where}, and leave the rest as it is:\n{lines}"


def _shown(path: Path, machine: Machine) -> str:
    """Return a path as short as it is clear."""
    if path.is_relative_to(machine.project):
        return str(path.relative_to(machine.project))
    return str(path)
