"""Pages to offer when nothing was found."""

from __future__ import annotations

import difflib

from docs_index.analyser import chunks, words_of
from docs_index.corpus import Corpus
from docs_index.results import Suggestion

_COUNT = 3
_MAX_CHARS = 200
_CUTOFF = 0.6


def suggest(corpus: Corpus, text: str) -> tuple[Suggestion, ...]:
    """Return up to three pages whose title or path resembles `text`; the first pages when none does."""
    paths = nearest_paths(corpus, text)[:_COUNT] or list(corpus.pages)[:_COUNT]
    return tuple(Suggestion(path=path, title=corpus.pages[path].title) for path in paths)


def nearest_paths(corpus: Corpus, text: str, *, count: int = 5) -> list[str]:
    """Return the paths closest to `text` as a path or by shared or similar words, closest first."""
    wanted = text[:_MAX_CHARS].lower()
    words = {word for chunk in chunks(wanted) for word in chunk.words}
    alike = difflib.get_close_matches(wanted, list(corpus.pages), n=count, cutoff=_CUTOFF)
    scored: list[tuple[float, str]] = []
    for path, page in corpus.pages.items():
        own = set(words_of(path)) | set(words_of(page.title))
        hits = sum(1.0 if word in own else _similar(word, own) for word in words)
        if hits:
            scored.append((-hits, path))
    by_words = [path for _, path in sorted(scored, key=lambda item: item[0])]
    return list(dict.fromkeys([*alike, *by_words]))[:count]


def _similar(word: str, known: set[str]) -> float:
    return 0.7 if len(word) > 3 and difflib.get_close_matches(word, known, n=1, cutoff=0.75) else 0.0
