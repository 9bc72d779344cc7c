"""Which pages a query calls by their name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from docs_index.analyser import chunks
from docs_index.corpus import Corpus
from docs_index.query import Plan

_SURE = 0.45  # terms of less weight are guesses
_EVERYWHERE = 0.2  # a word in a larger share of the sections says nothing about a page
_PREFIX = "Tool "


class Titles:
    """The titles of the pages of a corpus; `words` is the number of sections of each word."""

    def __init__(self, corpus: Corpus, words: Mapping[str, int]) -> None:
        self._corpus = corpus
        self._words = words

    def named(self, plan: Plan) -> dict[str, float]:
        """Return path → share of the query that is the title, at most 1.

        Only of pages of whose title the query has every word that says something: in a long question, that
        it also has the words of a title is chance.
        """
        asked = {text for (_, text), weight in plan.weights.items() if weight >= _SURE}
        own = sum(plan.meanings[term] == ":".join(term) for term in plan.weights)
        return {
            path: min(len(title) / own, 1.0)
            for path, title in self._by_path.items()
            if own and title and all(asked & word for word in title)
        }

    @cached_property
    def _by_path(self) -> Mapping[str, tuple[frozenset[str], ...]]:
        most = len(self._corpus.sections) * _EVERYWHERE
        everywhere = {word for word, count in self._words.items() if count > most}
        return {
            path: tuple(word for word in _terms(page.title) if not word <= everywhere)
            for path, page in self._corpus.pages.items()
        }


def _terms(title: str) -> tuple[frozenset[str], ...]:
    """Return the terms of each word of a title; of those of a name, each stands for all of it."""
    words = (
        frozenset(chunk.terms if chunk.is_plain else chunk.identifiers)
        for chunk in chunks(title.removeprefix(_PREFIX))
    )
    return tuple(word for word in words if word)
