"""Which of two corpora is heard first when both have an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docs_index.corpus import Corpus
from docs_index.model import Section

# By place in the order; the last one is for all others. Of two pages on a topic, the longer one easily scores
# some tenths more, and one that only mentions it scores half. With less, questions that only a later corpus
# answers well lose their first place (tried with 250 questions on the shipped and the published pages).
_FACTORS = (1.0, 0.85, 0.8, 0.76)
# Sections that share this much of their words say the same.
_SAME = 0.9
_LOOKED_AHEAD = 20
_WORD = re.compile(r"\w+")


def factor(corpus: Corpus, path: str) -> float:
    """Return what the score of a page counts: 1 in the most preferred corpus, a little less in each other."""
    return _FACTORS[min(_rank(corpus, path), len(_FACTORS) - 1)]


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

    def rank_of(position: int) -> int:
        return _rank(corpus, corpus.sections[position].path)

    words: dict[int, frozenset[str]] = {}
    chosen: list[list[int]] = []
    for position in ranked[: limit + _LOOKED_AHEAD]:
        words[position] = _words(corpus.sections[position])
        rank = rank_of(position)
        repeated = (
            group
            for group in chosen
            if rank != rank_of(group[0]) and _say_the_same(words[position], words[group[0]])
        )
        alike = next(repeated, None)
        if alike is not None:
            alike.append(position)
        elif len(chosen) < limit:
            chosen.append([position])
    found: list[tuple[int, tuple[str, ...]]] = []
    for group in chosen:
        first, *others = sorted(group, key=rank_of)
        paths = dict.fromkeys(corpus.sections[position].path for position in others)
        found.append((first, tuple(paths)))
    return found


def _rank(corpus: Corpus, path: str) -> int:
    return corpus.ranks[corpus.pages[path].provenance.corpus]


def _say_the_same(left: frozenset[str], right: frozenset[str]) -> bool:
    if min(len(left), len(right)) < _SAME * max(len(left), len(right)):
        return False  # told without looking at the words, which would cost more than the search
    if len(left & right) < _SAME * len(left | right):
        return False
    # A limit or a default that is another one is what somebody asks for.
    return not any(character.isdigit() for word in left ^ right for character in word)


def _words(section: Section) -> frozenset[str]:
    return frozenset(_WORD.findall(section.text.lower()))
