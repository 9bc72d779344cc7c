"""What the tables of shipped pages say: their rows, cell by cell, and the names in them."""

from __future__ import annotations

import re

from support.shipped_docs import shipped_docs

CODE = re.compile(r"`([^`]+)`")
_BETWEEN = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[\s|:-]+")


def text_of(path: str, section: str | None = None) -> str:
    """Return a shipped page, or one section of it with what is below it."""
    index = shipped_docs()
    text, offset = "", 0
    while True:
        part = index.read(path, section=section, offset=offset)
        text += part.text
        if part.next_offset is None:
            return text
        offset = part.next_offset


def rows(text: str) -> list[list[str]]:
    """Return the rows of all tables, heads included."""
    lines = [line.strip() for line in text.splitlines()]
    return [
        [cell.strip() for cell in _BETWEEN.split(line.strip("|"))]
        for line in lines
        if line.startswith("|") and not _RULE.fullmatch(line)
    ]


def names(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return CODE.findall(cell)
