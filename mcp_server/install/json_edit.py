"""Puts one server into the text of a JSON configuration, and leaves every other byte as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from mcp_server.install.jsonc import Node

Edit = tuple[int, int, str]
"""Put the text in place of what stands from the first index to before the second."""

_LEADING: Final = re.compile(r"[ \t]*")
_SAME_LINE: Final = re.compile(r"(?:[ \t]+|/\*.*?\*/)*(?://[^\r\n]*)?", re.DOTALL)


def pretty(value: Any, unit: str = "  ") -> str:
    """Return `value` as people write it: each member of an object on a line of its own, a list in one."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    members = (
        f"{json.dumps(name, ensure_ascii=False)}: {pretty(content, unit)}" for name, content in value.items()
    )
    lines = ",\n".join(members).split("\n")
    return "{\n" + "\n".join(unit + line for line in lines) + "\n}"


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return `text` after the edits, which do not overlap."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def replacement(text: str, root: Node, old: Node, value: Any, *, newline: str) -> list[Edit]:
    """Return the edits that put `value` where `old` stands."""
    style = _Style(text, root, newline)
    inline = "\n" not in text[old.start : old.end]
    return [(old.start, old.end, style.shown(value, style.leading(old.start), inline=inline))]


def insertion(text: str, root: Node, parent: Node, name: str, value: Any, *, newline: str) -> list[Edit]:
    """Return the edits that append a member to the object `parent`, in the style of its others."""
    style = _Style(text, root, newline)
    label = json.dumps(name, ensure_ascii=False)
    if not parent.members:
        return [_into_empty(style, parent, label, value)]
    first, last = parent.members[0], parent.members[-1]
    if parent.comma is None:
        at, before, after = last.value.end, ",", ""
    else:
        at, before, after = parent.comma + 1, "", ","
    if "\n" not in text[parent.start : first.start]:
        return [(at, at, f"{before} {label}: {style.shown(value, '', inline=True)}{after}")]
    indent = style.leading(first.start)
    member = f"{newline}{indent}{label}: {style.shown(value, indent)}{after}"
    # A comment behind the last member belongs to it: ours comes on the line after.
    rest = _SAME_LINE.match(text, at)
    if rest is None or rest.end() == at or text[rest.end()] not in "\r\n":
        return [(at, at, before + member)]
    return [(at, at, before), (rest.end(), rest.end(), member)]


def _into_empty(style: _Style, parent: Node, label: str, value: Any) -> Edit:
    outer = style.leading(parent.start)
    inner = outer + style.unit
    member = f"{style.newline}{inner}{label}: {style.shown(value, inner)}"
    closing = parent.end - 1
    line = style.text.rfind("\n", parent.start, closing)
    if line < 0 or style.text[line:closing].strip():
        return (closing, closing, f"{member}{style.newline}{outer}")
    # The brace has a line of its own already.
    place = line - 1 if style.text[line - 1] == "\r" else line
    return (place, place, member)


class _Style:
    """How a text is laid out."""

    def __init__(self, text: str, root: Node, newline: str) -> None:
        self.text = text
        self.newline = newline
        first = root.members[0].start if root.members else root.start
        self.unit = (self.leading(first) if "\n" in text[root.start : first] else "") or "  "

    def leading(self, at: int) -> str:
        """Return the indentation of the line in which `at` stands."""
        found = _LEADING.match(self.text, self.text.rfind("\n", 0, at) + 1)
        return found.group() if found else ""

    def shown(self, value: Any, indent: str, *, inline: bool = False) -> str:
        """Return `value` as JSON; lines after the first begin with `indent`."""
        if inline:
            return json.dumps(value, ensure_ascii=False)
        return (self.newline + indent).join(pretty(value, self.unit).split("\n"))
