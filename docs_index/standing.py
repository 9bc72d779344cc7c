"""What pages count, whatever their words: less for those that are rarely meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

from docs_index import preference
from docs_index.corpus import Corpus

_MIGRATION = 0.8
_MIGRATION_WORDS = ("migrat", "upgrad")
_CAUSES = "causes"
_CAUSE = 0.7
_TESTING = "testing"
_RECIPE = 0.8
_ABOUT_TESTING = re.compile(
    r"\b(?:test|mock|fake|stub|simulat|pretend|reproduc|assert|expect|cover|fixture|pytest|vitest|verif|check|recipe"
    r"|chaos|fault|try out|without waiting|skip)",
    re.IGNORECASE,
)


class Standing:
    """The pages of a corpus by what they are for."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    def for_query(self, query: str) -> Mapping[str, float]:
        """Return path → what the score of a page counts."""
        asked = query.lower()
        factors = dict(self._preferred)
        if not any(word in asked for word in _MIGRATION_WORDS):
            for path in self._migrations:
                factors[path] *= _MIGRATION
        # There are many; they repeat the words of the field, and would come before its general pages.
        for path, code in self._causes.items():
            if code not in asked:
                factors[path] *= _CAUSE
        # A recipe shows a function of each kind, and how to test it is not the first question about it.
        if not _ABOUT_TESTING.search(query):
            for path in self._recipes:
                factors[path] *= _RECIPE
        return factors

    @cached_property
    def _preferred(self) -> Mapping[str, float]:
        return {path: preference.factor(self._corpus, path) for path in self._corpus.pages}

    @cached_property
    def _migrations(self) -> tuple[str, ...]:
        return tuple(path for path in self._corpus.pages if any(word in path for word in _MIGRATION_WORDS))

    @cached_property
    def _causes(self) -> Mapping[str, str]:
        """Path → the code of the cause."""
        return {path: path.rpartition("/")[2] for path in self._of(_CAUSES)}

    @cached_property
    def _recipes(self) -> tuple[str, ...]:
        return self._of(_TESTING)

    def _of(self, category: str) -> tuple[str, ...]:
        return tuple(path for path, page in self._corpus.pages.items() if page.category == category)
