"""Find the word that a misspelt one was meant to be, among the words of the pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from docs_index.analyser import STOP_WORDS

_SHORTEST = 4
_LONGEST = 40
_WORD = re.compile(r"[a-z]{4,40}")
# From this length on two slips are believable; below it, the first letter must be right.
_LONG = 8
_FIRST_LETTER_SURE_BELOW = 6


def count_words(texts: Iterable[str], identifiers: Iterable[str]) -> dict[str, int]:
    """Return the words of some texts, and given identifiers, with how often each occurs."""
    counts = Counter(name for name in identifiers if name.isalpha())
    for text in texts:
        counts.update(_WORD.findall(text.lower()))
    return {word: count for word, count in counts.items() if word not in STOP_WORDS}


class Spelling:
    """Known words, with how often each occurs."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._known = [(word, _letters(word), count) for word, count in counts.items()]

    def nearest(self, word: str, slips: int = 2) -> str | None:
        """Return the commonest known word one slip away from `word`, or two from eight letters on.

        Args:
            word: in lower case.
            slips: how many to believe at most.
        """
        if not (_SHORTEST <= len(word) <= _LONGEST and word.isalpha()):
            return None
        limit = min(slips, 2 if len(word) >= _LONG else 1)
        letters = _letters(word)
        best: tuple[int, int, str] | None = None
        for known, own, count in self._known:
            # Each slip takes away one letter at most and brings one; nearly all words are out by this alone.
            if (own ^ letters).bit_count() > 2 * limit or abs(len(known) - len(word)) > limit:
                continue
            if len(word) < _FIRST_LETTER_SURE_BELOW and known[0] != word[0]:
                continue
            found = distance(word, known, limit=limit)
            if found <= limit and (best is None or (found, -count, known) < best):
                best = (found, -count, known)
        return best[2] if best else None


def _letters(word: str) -> int:
    """Return which letters a word has, as bits."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) & 31)
    return bits


def distance(left: str, right: str, *, limit: int) -> int:
    """Return how many letters must be changed, added, dropped or swapped with a neighbour.

    This is the optimal string alignment distance; the answer is `limit + 1` for anything above `limit`.
    """
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for row, letter in enumerate(left, start=1):
        line = [row]
        for column, other in enumerate(right, start=1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other:
                cost = min(cost, before_last[column - 2] + 1)
            line.append(cost)
        if min(line) > limit:
            return limit + 1
        before_last, last = last, line
    return min(last[-1], limit + 1)
