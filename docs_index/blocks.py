"""The code blocks and tables of a text, and the part of a code block that belongs to one of its lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from docs_index import fences, sdks

MAX_CODE_LINES = 30
_RULE = re.compile(r"[\s|:-]+")  # below the header of a table
# What ends a statement that began above: brackets, and the words that go on with one.
_CLOSING = re.compile(r"^\s*(?:[)\]}>]|</|else\b|elif\b|except\b|finally\b|catch\b|end\b)")


@dataclass(frozen=True, slots=True)
class Block:
    """A code block with its fences, or a table: 0-based half-open lines, and the SDK that a fence names."""

    kind: Literal["code", "table"]
    first: int
    end: int
    sdk: str | None = None


def blocks_of(lines: Sequence[str]) -> list[Block]:
    """Return the blocks of a text that starts outside of any, in their order."""
    found: list[Block] = []
    number = 0
    while number < len(lines):
        fence = fences.OPENING.match(lines[number])
        if fence is not None:
            end = _end_of_fence(lines, number, fence["mark"])
            found.append(Block("code", number, end, sdks.named(fence["language"])))
        elif number + 1 < len(lines) and "|" in lines[number] and _is_rule(lines[number + 1]):
            end = number + 2
            while end < len(lines) and "|" in lines[end]:
                end += 1
            found.append(Block("table", number, end))
        else:
            number += 1
            continue
        number = end
    return found


def sdks_of(lines: Sequence[str], blocks: Sequence[Block]) -> list[frozenset[str]]:
    """Return for each line the SDKs it is for, by marks around it and by its fence; empty for all of them."""
    found: list[frozenset[str]] = []
    marked = frozenset[str]()
    for line in lines:
        names = sdks.mark(line)
        if names is not None:
            marked = frozenset(sdk for name in names if (sdk := sdks.named(name)))
        found.append(marked)
    for block in blocks:
        if block.sdk is not None and not found[block.first]:
            found[block.first : block.end] = [frozenset({block.sdk})] * (block.end - block.first)
    return found


def _is_rule(line: str) -> bool:
    return "-" in line and _RULE.fullmatch(line) is not None


def _end_of_fence(lines: Sequence[str], first: int, mark: str) -> int:
    following = range(first + 1, len(lines))
    return next((number + 1 for number in following if fences.closes(lines[number], mark)), len(lines))


def around(lines: Sequence[str], place: int, max_chars: int) -> tuple[int, int]:
    """Return the half-open range of the largest statement or function around `lines[place]` that fits.

    What belongs together is told by indentation. When not even the line's own statement fits, it is the lines
    from there on.
    """
    own = _indent(lines[place])
    depths = sorted({_indent(line) for line in lines[: place + 1] if line.strip() and _indent(line) <= own})
    for depth in depths:
        start, end = _statement(lines, place, depth)
        if end - start <= MAX_CODE_LINES and size(lines[start:end]) <= max_chars:
            return start, end
    end = place + 1
    while end < len(lines) and end - place < MAX_CODE_LINES and size(lines[place : end + 1]) <= max_chars:
        end += 1
    return place, end


def size(lines: Sequence[str]) -> int:
    """Return the characters of lines, with their line ends."""
    return sum(len(line) + 1 for line in lines)


def _statement(lines: Sequence[str], place: int, depth: int) -> tuple[int, int]:
    start = place
    while start > 0 and not _begins(lines[start], depth):
        start -= 1
    end = place + 1
    while end < len(lines) and not _begins(lines[end], depth):
        end += 1
    while end > place + 1 and not lines[end - 1].strip():
        end -= 1
    return start, end


def _begins(line: str, depth: int) -> bool:
    return bool(line.strip()) and _indent(line) <= depth and not _CLOSING.match(line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
