"""Which of two corpora is heard first when both have an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docs_index.corpus import Corpus
from docs_index.model import Section

# Less than what tells a page on the topic from one that only mentions it.
_PER_RANK = 0.95
_LAST_RANK = 4
# Sections that share this much of their words say the same.
_SAME = 0.9
_LOOKED_AHEAD = 20
_WORD = re.compile(r"\w+")


def factor(corpus: Corpus, path: str) -> float:
    """Return what the score of a page counts: 1 in the most preferred corpus, a little less in each other."""
    return _PER_RANK ** min(corpus.ranks[corpus.pages[path].provenance.corpus], _LAST_RANK)


def without_repeats(corpus: Corpus, ranked: Sequence[int], limit: int) -> list[tuple[int, tuple[str, ...]]]:
    """Return the first `limit` sections, each with the pages of other corpora that say the same there.

    Of sections that say the same, the one of the most preferred corpus stands at the place of the best.

    Args:
        corpus: all pages.
        ranked: positions in `corpus.sections`, best first.
        limit: how many to return.
    """
    if len(corpus.parts) < 2:
        return [(position, ()) for position in ranked[:limit]]
    chosen: list[list[int]] = []
    for position in ranked[: limit + _LOOKED_AHEAD]:
        alike = next((group for group in chosen if _repeats(corpus, position, group[0])), None)
        if alike is not None:
            alike.append(position)
        elif len(chosen) < limit:
            chosen.append([position])
    found: list[tuple[int, tuple[str, ...]]] = []
    for group in chosen:
        first, *others = sorted(group, key=lambda position: _rank(corpus, position))
        paths = dict.fromkeys(corpus.sections[position].path for position in others)
        found.append((first, tuple(paths)))
    return found


def _rank(corpus: Corpus, position: int) -> int:
    return corpus.ranks[corpus.pages[corpus.sections[position].path].provenance.corpus]


def _repeats(corpus: Corpus, position: int, other: int) -> bool:
    if _rank(corpus, position) == _rank(corpus, other):
        return False
    left, right = _words(corpus.sections[position]), _words(corpus.sections[other])
    return len(left & right) >= _SAME * len(left | right)


def _words(section: Section) -> frozenset[str]:
    text = f"{section.heading.text} {section.prose} {section.code}"
    return frozenset(_WORD.findall(text.lower()))
