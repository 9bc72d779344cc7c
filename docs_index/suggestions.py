"""Pages to offer when nothing was found."""

from __future__ import annotations

import difflib

from docs_index.analyser import STOP_WORDS, chunks
from docs_index.corpus import Corpus
from docs_index.results import Suggestion

_COUNT = 3
_MAX_CHARS = 200
_MAX_WORDS = 20
_CUTOFF = 0.6


def suggest(corpus: Corpus, text: str) -> tuple[Suggestion, ...]:
    """Return up to three pages whose title or path resembles `text`; else the first shipped pages."""
    shipped = [path for path, page in corpus.pages.items() if not page.provenance.source]
    paths = (nearest_paths(corpus, text) or shipped or list(corpus.pages))[:_COUNT]
    return tuple(Suggestion(path=path, title=corpus.pages[path].title) for path in paths)


def nearest_paths(corpus: Corpus, text: str, *, count: int = 5) -> list[str]:
    """Return the paths closest to `text` as a path or by shared or similar words, closest first."""
    wanted = text[:_MAX_CHARS].lower()
    told = (word for chunk in chunks(wanted) for word in chunk.words if word not in STOP_WORDS)
    words = list(dict.fromkeys(told))[:_MAX_WORDS]
    alike = difflib.get_close_matches(wanted, list(corpus.pages), n=count, cutoff=_CUTOFF)
    known = frozenset[str]().union(*corpus.name_words.values())
    similar = {word: _similar(word, known) for word in words}
    scored: list[tuple[float, str]] = []
    for path, own in corpus.name_words.items():
        hits = sum(1.0 if word in own else 0.0 if own.isdisjoint(similar[word]) else 0.7 for word in words)
        if hits:
            scored.append((-hits, path))
    by_words = [path for _, path in sorted(scored, key=lambda item: item[0])]
    return list(dict.fromkeys([*alike, *by_words]))[:count]


def _similar(word: str, known: frozenset[str]) -> set[str]:
    """Return the known words that `word` may be a slip of; the first letter is taken to be right."""
    if len(word) <= 3:
        return set()
    candidates = [other for other in known if other[0] == word[0] and other != word]
    return set(difflib.get_close_matches(word, candidates, n=10, cutoff=0.75))
