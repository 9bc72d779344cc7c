"""The lines of a section that say best why it was found."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from docs_index.analyser import Chunk, chunks
from docs_index.blocks import MAX_CODE_LINES, Block, around, blocks_of, sdks_of, size
from docs_index.model import Section

ROOM = 1_200
LITTLE_ROOM = 500
_LINES = 3
_MAX_CHARS = 300
_MAX_HEADER_CHARS = 120
_LEAD_CHARS = 60
_EMPTY = re.compile(r"^\s*+(?:$|#{1,6}\s|`{3}|~{3}|</?[A-Z]|<!--.*-->\s*$|\|?[-:| ]+\|?$)")
_LINK = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\n]{0,500}\)")
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some lines of a page: `line` is the 1-based number of the first, `terms` what the section holds.

    Nothing but a heading gives an empty text. Of a table, `line` is that of the first row that matches; of a
    code block that is cut, that of the first line of code.
    """

    text: str
    line: int
    terms: frozenset[str]


def of_section(
    section: Section,
    lines: Sequence[str],
    weights: Mapping[str, float],
    *,
    wanted: AbstractSet[str] = frozenset(),
    room: int = ROOM,
) -> Excerpt:
    """Return the up to three neighbouring lines with the most distinct terms, within 300 characters.

    Lines of code come as their whole block, when it has at most 30 lines and `room` characters, and otherwise
    as the statement or function around them; rows of a table come with its header.

    Args:
        section: the section, whose line numbers point into `lines`.
        lines: all lines of the page.
        weights: term → how much it counts.
        wanted: SDKs that were asked for; where something is for them, what is for others is passed over.
        room: characters that code may have.
    """
    first = section.line_start - 1
    own = lines[first : section.line_end]
    held = [frozenset(terms_of(line)) & weights.keys() for line in own]
    found = blocks_of(own)
    blocks = {number: block for block in found for number in range(block.first, block.end)}
    skipped = _for_others(sdks_of(own, found), wanted)
    for number, written in enumerate(own):
        skipped[number] |= _says_nothing(written, number, blocks.get(number))
    # The heading is shown anyway, so the excerpt starts below it where there is anything below.
    start, score = min(1, len(held) - 1), 0.0
    for offset in range(1, len(held)):
        if skipped[offset]:
            continue
        window = frozenset[str]().union(*held[offset : _end_of_window(offset, blocks, len(own))])
        value = math.fsum(weights[term] for term in window)  # whatever the order of a set
        # Of windows that hold the same, prefer the one whose first line holds something.
        if value > score and (held[offset] or offset == 1):
            start, score = offset, value
    while start + 1 < len(own) and skipped[start]:
        start += 1
    end = _end_of_window(start, blocks, len(own))
    block = blocks.get(start)
    if block is None:
        text, line = _prose(own[start:end], weights), start
    elif block.kind == "table":
        text, line = _rows(own, block, _as_good(held, block, start, score, weights), weights)
    else:
        text, line = _code(own, block, start, room)
    return Excerpt(text=text, line=first + line + 1, terms=frozenset[str]().union(*held))


def terms_of(line: str) -> set[str]:
    """Return every term, stem or identifier, of a line."""
    return {term for chunk in chunks(line) for term in _all_terms(chunk)}


def _all_terms(chunk: Chunk) -> tuple[str, ...]:
    return chunk.terms + chunk.identifiers


def _for_others(lines: Sequence[AbstractSet[str]], wanted: AbstractSet[str]) -> list[bool]:
    """Return for each line whether it is for other SDKs only, where some lines are for those wanted."""
    if not any(sdks & wanted for sdks in lines):
        return [False] * len(lines)
    return [bool(sdks) and not sdks & wanted for sdks in lines]


def _says_nothing(line: str, number: int, block: Block | None) -> bool:
    """Return whether no excerpt should begin at a line; in code, "# so" is a comment and no heading."""
    if block is None or block.kind != "code":
        return _EMPTY.match(line) is not None
    return not line.strip() or number == block.first


def _end_of_window(start: int, blocks: Mapping[int, Block], count: int) -> int:
    """Return the end of the lines that are looked at together: a row, code of one block, or other text."""
    end = start + 1
    block = blocks.get(start)
    if block is not None and block.kind == "table":
        return end
    while end < min(start + _LINES, count) and blocks.get(end) == block:
        end += 1
    return end


def _as_good(
    held: Sequence[frozenset[str]], block: Block, start: int, score: float, weights: Mapping[str, float]
) -> list[int]:
    """Return the rows from `start` on that hold as much as that one."""
    following = range(start + 1, block.end)
    return [start, *(row for row in following if math.fsum(weights[term] for term in held[row]) >= score > 0)]


def _prose(lines: Sequence[str], weights: Mapping[str, float]) -> str:
    return _cut("\n".join(_words(line) for line in lines if not _EMPTY.match(line)), weights)


def _words(line: str) -> str:
    """Return a line with its links as their text: where they lead is no answer, and long."""
    return _LINK.sub(r"\1", line).rstrip()


def _rows(
    lines: Sequence[str], block: Block, rows: Sequence[int], weights: Mapping[str, float]
) -> tuple[str, int]:
    """Return the header of a table and the rows, as far as they fit."""
    header = _words(lines[block.first])
    below = [row for row in rows if row > block.first + 1]
    if not below:
        return _prose(lines[block.first : block.first + _LINES], weights), block.first
    if len(header) > _MAX_HEADER_CHARS:
        header = header[: _MAX_HEADER_CHARS - 1] + _CUT
    shown = [_cut(_words(lines[below[0]]), weights)]
    for row in below[1:]:
        if size(shown) + len(_words(lines[row])) > _MAX_CHARS:
            break
        shown.append(_words(lines[row]))
    return "\n".join((header, *shown)), below[0]


def _code(lines: Sequence[str], block: Block, place: int, room: int) -> tuple[str, int]:
    """Return a code block with its fences, or the part of it around one of its lines."""
    whole = lines[block.first : block.end]
    if len(whole) <= MAX_CODE_LINES + 2 and size(whole) <= room:
        return "\n".join(line.rstrip() for line in whole), block.first
    is_closed = len(whole) > 1 and not lines[block.end - 1].strip().strip("`~")
    code = lines[block.first + 1 : block.end - 1 if is_closed else block.end]
    fence = lines[block.first].strip()[:_LEAD_CHARS]
    if not code:
        return fence, block.first
    start, end = around(code, min(place - block.first - 1, len(code) - 1), room)
    shown = [line.rstrip() if len(line) <= room else line[: room - 1] + _CUT for line in code[start:end]]
    text = [fence, *([_CUT] if start else []), *shown, *([_CUT] if end < len(code) else [])]
    return "\n".join((*text, fence[:3])), block.first + 1 + start


def _cut(text: str, weights: Mapping[str, float]) -> str:
    """Shorten a long text to the part around its first term."""
    if len(text) <= _MAX_CHARS:
        return text
    place = min(
        (text.find(chunk.raw) for chunk in chunks(text) if weights.keys() & set(_all_terms(chunk))), default=0
    )
    start = 0 if place < _MAX_CHARS - _LEAD_CHARS else text.rfind(" ", 0, place - _LEAD_CHARS) + 1
    cut = text[start : start + _MAX_CHARS - 2].rsplit(" ", 1)[0]
    return (_CUT if start else "") + cut + (_CUT if start + len(cut) < len(text) else "")
