"""Turn text into search terms, the same way for pages and for queries.

A *chunk* is what a reader sees as one name: `step.waitForEvent`, `wait_for_event`, `retries`.
Each gives the stems of its words, and, when it has several, *identifiers*: the words run together in lower
case, so that every spelling of a name meets every other ("waitforevent").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from docs_index.stemming import stem

# Part of the cache key: raise it with every change to what this module or `documents` produces.
ANALYSER_VERSION = 4

_CHUNK = re.compile(r"\w+(?:[.\-/:]+\w+)*")
_PART = re.compile(r"[./:]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\dA-Za-z_]+")
# Longer ones are hashes and encoded data, which nobody types and which would only fill the index.
_MAX_CHUNK_CHARS = 120

_STOP_WORDS_TEXT = """
a about am an and any are as at be been but by can could did do does doing for from get getting
had has have how i if in into is it its just like me my no not of on or our out should so some
than that the their them then there these they this those to too up us use used using was way we
were what when where which while who why will with without would you your
"""
STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())


@dataclass(frozen=True, slots=True)
class Chunk:
    """One name or word of a text: as written, its words in lower case, and its identifiers.

    `terms` are the stems to index or to look for; a plain stop word has none.
    """

    raw: str
    words: tuple[str, ...]
    identifiers: tuple[str, ...]
    terms: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """True for an ordinary word, False for a name made of several."""
        return not self.identifiers


def chunks(text: str) -> Iterator[Chunk]:
    """Yield the chunks of `text`; any string is accepted, whatever characters it holds."""
    for raw in _CHUNK.findall(text):
        chunk = _chunk(raw) if len(raw) <= _MAX_CHUNK_CHARS else None
        if chunk is not None:
            yield chunk


@lru_cache(maxsize=16_384)  # texts repeat their words
def _chunk(found: str) -> Chunk | None:
    raw = found.strip("_")
    words = tuple(word for word in words_of(raw) if len(word) > 1 or not word.isascii() or word.isdigit())
    if not words:
        return None
    identifiers = _identifiers(raw)
    terms = tuple(stem(word) for word in words if identifiers or word not in STOP_WORDS)
    return Chunk(raw, words, identifiers, terms)


def words_of(raw: str) -> list[str]:
    """Return the words of a name, in lower case: `waitForEvent` and `wait_for_event` give the same three."""
    return [word.lower() for word in _WORD.findall(raw)]


def joined(raw: str) -> str:
    """Return a name run together: lower case, letters and digits only."""
    return "".join(words_of(raw))


def _identifiers(raw: str) -> tuple[str, ...]:
    parts = [part for part in _PART.split(raw) if part]
    found: dict[str, None] = {}
    for part in parts:
        if len(words_of(part)) > 1:
            found[joined(part)] = None
    if len(parts) > 1:
        found[joined(raw)] = None
        # `ctx.step.run` must meet `step.run`.
        found[joined(parts[-2] + "." + parts[-1])] = None
    return tuple(found)
