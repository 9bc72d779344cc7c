"""What is indexed of a section and of a page: two strings of terms, weighted by repetition.

One field of words in which a title counts as several words gives true BM25F; separate boosted fields do not,
because each would have its own idf and make common words weighty where they are rare.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from docs_index.analyser import chunks
from docs_index.model import Page, Section

_TITLE_WEIGHT = 2
_HEADING_WEIGHT = 6
_ANCESTOR_WEIGHT = 1
_DESCRIPTION_WEIGHT = 3
_ASKED_WEIGHT = 1
_ASKED_OF_PAGE_WEIGHT = 4
_PROSE_WEIGHT = 1
_CODE_WEIGHT = 1

_LISTS_OF_LINKS = frozenset({"related", "see also", "next steps", "further reading"})

_NOISE = re.compile(r"\]\([^)]{0,500}\)|<[^>]{0,500}>|^import\s.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """Terms separated by spaces, ready for an index that splits at spaces."""

    words: str
    identifiers: str


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A term to look for: `text` in the field "words" or "identifiers", and how much it counts.

    Terms of one `meaning` stand for each other: of those that a document has, the best counts.
    """

    field: Literal["words", "identifiers"]
    text: str
    weight: float
    meaning: str


def of_section(section: Section, page: Page) -> Document:
    """Return the terms of one section; what is said about the whole page counts for its first section."""
    own = section.heading_path[-1]
    if own.lower() in _LISTS_OF_LINKS:
        return Document("", "")  # it names what others say
    weighted = [(page.title, _TITLE_WEIGHT), (own, _HEADING_WEIGHT), (section.code, _CODE_WEIGHT)]
    weighted += [(text, _ANCESTOR_WEIGHT) for text in section.heading_path[1:-1]]
    weighted.append((_NOISE.sub(" ", section.prose), _PROSE_WEIGHT))
    if section.line_start == 1:
        weighted.append((page.description, _DESCRIPTION_WEIGHT))
        weighted += [(phrase, _ASKED_WEIGHT) for phrase in page.asked]
    return _document(weighted)


def of_page(page: Page) -> Document:
    """Return the terms of a whole page."""
    weighted = [(page.title, _TITLE_WEIGHT + _HEADING_WEIGHT), (page.description, _DESCRIPTION_WEIGHT)]
    weighted += [(phrase, _ASKED_OF_PAGE_WEIGHT) for phrase in page.asked]
    for section in page.sections:
        weighted.append((section.heading.text, _HEADING_WEIGHT))
        weighted.append((_NOISE.sub(" ", section.prose), _PROSE_WEIGHT))
        weighted.append((section.code, _CODE_WEIGHT))
    return _document(weighted)


def _document(weighted: Iterable[tuple[str, int]]) -> Document:
    words: list[str] = []
    identifiers: list[str] = []
    for text, weight in weighted:
        for chunk in chunks(text):
            words.extend(chunk.terms * weight)
            identifiers.extend(chunk.identifiers * weight)
    return Document(" ".join(words), " ".join(identifiers))
