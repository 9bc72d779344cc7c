"""Put rendered pieces together as markdown: in line, or as blocks with lines of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

BEGINS_BLOCK: Final = re.compile(r"[-*+#>|]|[0-9]+[.)]|\x00b")
"""What cannot stand behind other text on a line."""
_BADGE: Final = re.compile("\x02([^\x03]*)\x03")
_HEADING: Final = re.compile(r"[ \t]*#{1,6}[ \t]")
_BLANK_LINES: Final = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")
_LIST_ITEM: Final = re.compile(r"^[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]", re.MULTILINE)
_LINE_START: Final = re.compile(r"\n([ \t]*)(?=(\S)|\Z)")


@dataclass(frozen=True, slots=True)
class Piece:
    """Markdown of one node; a block has lines of its own."""

    text: str
    is_block: bool = False


def joined(pieces: Iterable[Piece]) -> str:
    """Return the pieces as one text; a block within a row of a table or a heading becomes a part of it."""
    out = ""
    for piece in pieces:
        if not piece.is_block:
            out += piece.text
            continue
        last = out[out.rfind("\n") + 1 :]
        if last.lstrip().startswith(("|", "#")):
            out += " ".join(piece.text.split())
        elif piece.text.strip():
            indent = "" if last.strip() else last
            text = piece.text.strip("\n")
            out = out.rstrip(" \t") + "\n\n" + indented(text, indent) + "\n\n"
    return out


def indented(text: str, indent: str) -> str:
    """Return the text with each line that is not empty moved in."""
    return "\n".join(indent + line if line.strip() else "" for line in text.split("\n")) if indent else text


def dedented(texts: Sequence[str]) -> list[str]:
    """Return the texts between the tags of one element without the indentation that they share.

    Without a list among them, indentation means nothing and all of it goes.
    """
    if not any(map(_LIST_ITEM.search, texts)):
        return [_LINE_START.sub("\n", text) for text in texts]
    widths = [
        len(found[1].expandtabs(4))
        for number, text in enumerate(texts, start=1)
        for found in _LINE_START.finditer(text)
        if found[2] or number < len(texts)
    ]
    shared = min(widths, default=0)
    return [_LINE_START.sub(lambda found: "\n" + found[1].expandtabs(4)[shared:], text) for text in texts]


def item(head: str, inner: str) -> str:
    """Return an item of a list with its text, moved in below it."""
    inner = inner.strip()
    if not inner:
        return f"- {head}"
    separator = ":\n\n  " if BEGINS_BLOCK.match(inner) and not inner.startswith("**") else ": "
    return f"- {head}{separator}{indented(inner, '  ').lstrip()}"


def badge(text: str) -> str:
    """Return a note on versions, to be placed by `tidy`."""
    return f"\x02{text}\x03" if text else ""


def tidy(text: str) -> str:
    """Return the text without surplus blank lines, with badges placed.

    A badge in a heading goes below it, so that the heading keeps the anchor that links use.
    """
    lines = []
    for line in text.split("\n"):
        badges = _BADGE.findall(line)
        if _HEADING.match(line):
            lines.append(_BADGE.sub("", line).rstrip())
            lines += ["", f"*{', '.join(badges)}*", ""] if badges else []
        else:
            lines.append(_BADGE.sub(r"(\1)", line) if line.strip() else "")
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
