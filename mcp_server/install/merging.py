"""Adds a server to the text of a configuration, in JSON or TOML, without touching what else is there."""

from __future__ import annotations

import copy
import re
import tomllib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from mcp_server.install.clients import Client
from mcp_server.install.entries import toml_table
from mcp_server.install.json_edit import Edit, edited, insertion, pretty, replacement
from mcp_server.install.jsonc import Node, NotJSONError, read


class Outcome(Enum):
    """What became of an entry."""

    ADDED = auto()
    REPLACED = auto()
    PRESENT = auto()
    DIFFERENT = auto()
    """Another entry has the name, and was left alone."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The text after the merge; the same as before unless something was added or replaced."""

    outcome: Outcome
    text: str


class UnusableError(Exception):
    """A configuration that cannot be added to; `str()` says why, without the file's name."""


def merge(text: str, client: Client, name: str, value: dict[str, Any], *, replace: bool = False) -> Merged:
    """Add the entry `value` under `name` for this client, or say why not.

    `text` has no byte order mark; new lines are written in the style of the old ones.

    Raises:
        UnusableError: the text is malformed, or something else stands where servers belong.
    """
    newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    merging = _merge_toml if client.form == "toml" else _merge_json
    return merging(text, (client.table, name), value, newline, replace=replace)


def _merge_json(
    text: str, path: tuple[str, str], value: dict[str, Any], newline: str, *, replace: bool
) -> Merged:
    table, name = path
    root = _read_json(text)
    if root is None:
        start = text if not text or text.endswith("\n") else text + newline
        made = (pretty({table: {name: value}}) + "\n").replace("\n", newline)
        return Merged(Outcome.ADDED, start + made)
    _check_object(root, "the file", text)
    servers = root.member(table)
    before = _servers(root, servers, table, text)
    outcome = _outcome(before, name, value, replace=replace)
    if outcome in {Outcome.PRESENT, Outcome.DIFFERENT}:
        return Merged(outcome, text)
    edits: list[Edit]
    old = servers.member(name) if servers else None
    if servers is None:
        edits = insertion(text, root, root, table, {name: value}, newline=newline)
    elif old is None:
        edits = insertion(text, root, servers, name, value, newline=newline)
    else:
        edits = replacement(text, root, old, value, newline=newline)
    new = edited(text, edits)
    read_back = _read_json(new)
    _check_only_change(root.value, read_back and read_back.value, path, value)
    return Merged(outcome, new)


def _read_json(text: str) -> Node | None:
    try:
        return read(text)
    except NotJSONError as fault:
        raise UnusableError(f"line {fault.line}, column {fault.column}: {fault}") from None


def _check_object(node: Node, what: str, text: str) -> None:
    if not isinstance(node.value, dict):
        line = text.count("\n", 0, node.start) + 1
        raise UnusableError(f"line {line}: {what} holds no object in braces")


def _servers(root: Node, servers: Node | None, table: str, text: str) -> dict[str, Any]:
    if servers is None:
        return {}
    _check_object(servers, f"{table!r}", text)
    content: dict[str, Any] = root.value[table]
    return content


def _merge_toml(
    text: str, path: tuple[str, str], value: dict[str, Any], newline: str, *, replace: bool
) -> Merged:
    table, name = path
    old = _read_toml(text)
    servers = old.get(table, {})
    if not isinstance(servers, dict):
        raise UnusableError(f"{table!r} is not a table")
    outcome = _outcome(servers, name, value, replace=replace)
    if outcome in {Outcome.PRESENT, Outcome.DIFFERENT}:
        return Merged(outcome, text)
    made = toml_table(table, name, value).replace("\n", newline)
    if outcome is Outcome.REPLACED:
        start, end = _toml_span(text, old, path)
        new = text[:start] + made + text[end:]
    else:
        gap = newline if text.endswith("\n") or not text else newline * 2
        new = text + (gap if text else "") + made
    try:
        _check_only_change(old, tomllib.loads(new), path, value)
    except tomllib.TOMLDecodeError:
        raise UnusableError(
            f"{table!r} is written in one line, to which a table cannot be added; "
            f"write it as [{table}.NAME], or add this by hand: {toml_table(table, name, value)}"
        ) from None
    return Merged(outcome, new)


def _read_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise UnusableError(f"{fault}") from None


def _toml_span(text: str, old: dict[str, Any], path: tuple[str, str]) -> tuple[int, int]:
    """Return where the table of a server stands, with its own tables: what is left has all but that."""
    table, name = path
    rest = copy.deepcopy(old)
    del rest[table][name]
    if not rest[table]:
        del rest[table]
    heads = [(found.start(), found.group()) for found in re.finditer(r"^[ \t]*\[.*", text, re.MULTILINE)]
    for start in [at for at, head in heads if _parsed(head) == {table: {name: {}}}]:
        # A line that only looks like a table's head, inside a text of several lines, leaves no valid rest.
        for end in [*(at for at, _ in heads if at > start), len(text)]:
            if _parsed(text[:start] + text[end:]) in (rest, {**rest, table: {}}):
                # Comments before the next table are about that one.
                body = re.sub(r"(?:^[ \t]*(?:#[^\n]*)?\r?\n)+\Z", "", text[start:end], flags=re.MULTILINE)
                return start, start + len(body)
    raise UnusableError(f"{table}.{name} is not a table of its own; replace it by hand")


def _parsed(toml: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(toml)
    except tomllib.TOMLDecodeError:
        return None


def _outcome(servers: dict[str, Any], name: str, value: dict[str, Any], *, replace: bool) -> Outcome:
    if name not in servers:
        return Outcome.ADDED
    if servers[name] == value:
        return Outcome.PRESENT
    return Outcome.REPLACED if replace else Outcome.DIFFERENT


def _check_only_change(before: Any, after: Any, path: tuple[str, str], value: dict[str, Any]) -> None:
    """Make sure that the new text says what the old one said, and the entry: better nothing than a guess."""
    table, name = path
    wanted = {**before, table: {**before.get(table, {}), name: value}}
    if after != wanted:
        raise UnusableError("its layout is not understood; add the entry by hand")
