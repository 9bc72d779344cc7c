"""How much of a query's own wording a section repeats: several of its words next to each other, in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from docs_index.corpus import Corpus

_WORD = re.compile(r"\w+")
_MOST_WORDS = 24  # of a query; a longer one is pasted text, in which any two words stand together
_MOST_COUNTED = 4


class Wording:
    """The sections of a corpus as plain words; each is read when it is first asked for."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._texts: dict[int, str] = {}

    def repeated(self, query: str, positions: Iterable[int]) -> dict[int, int]:
        """Return position → how many words of `query` follow one that they also follow there, at most four.

        Only the longest run of a section counts.
        """
        words = _WORD.findall(query.lower())[:_MOST_WORDS]
        runs = ((position, _longest_run(words, self._text(position))) for position in positions)
        return {position: min(run - 1, _MOST_COUNTED) for position, run in runs if run > 1}

    def _text(self, position: int) -> str:
        text = self._texts.get(position)
        if text is None:
            words = _WORD.findall(self._corpus.sections[position].text.lower())
            text = self._texts[position] = f" {' '.join(words)} "
        return text


def _longest_run(words: Sequence[str], text: str) -> int:
    best = 0
    for start in range(len(words)):
        while start + best < len(words) and f" {' '.join(words[start : start + best + 1])} " in text:
            best += 1
    return best
