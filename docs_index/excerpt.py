"""The lines of a section that say best why it was found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docs_index.analyser import Chunk, chunks
from docs_index.model import Section

_LINES = 3
_MAX_CHARS = 300
_LEAD_CHARS = 60
_EMPTY = re.compile(r"^\s*(?:$|#{1,6}\s|`{3}|~{3}|</?[A-Z]|\|?[-:| ]+\|?$)")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some lines of a page: `line` is the 1-based number of the first, `terms` what the section holds."""

    text: str
    line: int
    terms: frozenset[str]


def of_section(section: Section, lines: Sequence[str], weights: Mapping[str, float]) -> Excerpt:
    """Return the up to three neighbouring lines with the most distinct terms, within 300 characters.

    Args:
        section: the section, whose line numbers point into `lines`.
        lines: all lines of the page.
        weights: term → how much it counts.
    """
    first, last = section.line_start - 1, section.line_end
    held = [frozenset(terms_of(line)) & weights.keys() for line in lines[first:last]]
    # The heading is shown anyway, so the excerpt starts below it where there is anything below.
    start, score = min(1, len(held) - 1), 0.0
    for offset in range(1, len(held)):
        if _EMPTY.match(lines[first + offset]):
            continue
        window = frozenset[str]().union(*held[offset : offset + _LINES])
        value = sum(weights[term] for term in window)
        # Of windows that hold the same, prefer the one whose first line holds something.
        if value > score and (held[offset] or offset == 1):
            start, score = offset, value
    while start + 1 < len(held) and _EMPTY.match(lines[first + start]):
        start += 1
    shown = [line.rstrip() for line in lines[first + start : min(first + start + _LINES, last)]]
    while len(shown) > 1 and _EMPTY.match(shown[-1]):
        shown.pop()
    text = _cut("\n".join(line for line in shown if line.strip()), weights)
    return Excerpt(text=text, line=first + start + 1, terms=frozenset[str]().union(*held))


def terms_of(line: str) -> set[str]:
    """Return every term, stem or identifier, of a line."""
    return {term for chunk in chunks(line) for term in _all_terms(chunk)}


def _all_terms(chunk: Chunk) -> tuple[str, ...]:
    return chunk.terms + chunk.identifiers


def _cut(text: str, weights: Mapping[str, float]) -> str:
    """Shorten a long text to the part around its first term."""
    if len(text) <= _MAX_CHARS:
        return text
    place = min(
        (text.find(chunk.raw) for chunk in chunks(text) if weights.keys() & set(_all_terms(chunk))), default=0
    )
    start = 0 if place < _MAX_CHARS - _LEAD_CHARS else text.rfind(" ", 0, place - _LEAD_CHARS) + 1
    cut = text[start : start + _MAX_CHARS - 2].rsplit(" ", 1)[0]
    return ("…" if start else "") + cut + ("…" if start + len(cut) < len(text) else "")
