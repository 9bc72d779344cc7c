"""The only module that knows whoosh: build an index in memory, open it, score terms.

User text never reaches whoosh's query parser (a "?" there is a wildcard, `path:x` a field search): callers
hand in finished terms. An index is a mapping of file names to bytes, so storing it is somebody else's job.

Import this module late: whoosh takes up to 140 ms.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterable, Mapping
from functools import lru_cache

from docs_index.documents import Document, WeightedTerm

with warnings.catch_warnings():
    # whoosh 2.7.4 predates raw strings for regexes; the first compilation of its modules warns about it.
    warnings.simplefilter("ignore")
    import whoosh
    from whoosh import fields, index, query, scoring
    from whoosh.analysis import SpaceSeparatedTokenizer
    from whoosh.filedb.filestore import RamStorage

WHOOSH_VERSION = ".".join(str(part) for part in whoosh.__version__)

_SECTIONS = "sections"
_PAGES = "pages"
_VOCABULARY = "vocabulary"
_REMEMBERED_TERMS = 1_000
# A page repeats its topic more often than a section does, so its counts may grow further before saturating.
_SECTION_SCORING = scoring.BM25F(B=0.75, K1=2.0)
_PAGE_SCORING = scoring.BM25F(B=0.75, K1=4.0)


class _MemoryStorage(RamStorage):  # type: ignore[misc]  # whoosh has no types
    """A RamStorage that writes nothing to disk; the original has temporary files in a shared folder."""

    def temp_storage(self, name: str | None = None) -> _MemoryStorage:  # noqa: ARG002 - whoosh's signature
        return _MemoryStorage()


def build(
    sections: Iterable[Document], pages: Iterable[Document], spellings: Mapping[str, int]
) -> dict[str, bytes]:
    """Index sections and pages and return the files of the index; `spellings` are kept with it."""
    storage = _MemoryStorage()
    for name, documents in ((_SECTIONS, sections), (_PAGES, pages)):
        # whoosh's own tokenizer only: the schema is pickled into the index, and must not name our modules.
        terms = fields.TEXT(analyzer=SpaceSeparatedTokenizer(), phrase=False)
        schema = fields.Schema(words=terms, identifiers=terms)
        writer = storage.create_index(schema, indexname=name).writer()
        for document in documents:
            writer.add_document(words=document.words, identifiers=document.identifiers)
        writer.commit()
    files = {name: bytes(content) for name, content in storage.files.items()}
    # whoosh would read its terms one by one at each start.
    reader = storage.open_index(indexname=_SECTIONS).reader()
    words = {term.decode(): reader.doc_frequency("words", term) for term in reader.lexicon("words")}
    names = [term.decode() for term in reader.lexicon("identifiers")]
    files[_VOCABULARY] = json.dumps([words, names, dict(spellings)]).encode()
    return files


class TermIndex:
    """An opened index. Searches may run in several threads at once.

    `words` and `identifiers` are the terms of its sections, `words` with the number of sections of each;
    `spellings` is what `build` was given.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Open what `build` returned. Anything else raises whatever whoosh makes of it."""
        words, names, spellings = json.loads(files[_VOCABULARY])
        self.words: Mapping[str, int] = words
        self.identifiers = frozenset[str](names)
        self.spellings: Mapping[str, int] = spellings
        storage = _MemoryStorage()
        storage.files.update(files)
        self._sections = _Scorer(storage.open_index(indexname=_SECTIONS).searcher(weighting=_SECTION_SCORING))
        self._pages = _Scorer(storage.open_index(indexname=_PAGES).searcher(weighting=_PAGE_SCORING))

    def section_scores(self, terms: Iterable[WeightedTerm]) -> dict[int, float]:
        """Return position → score of each section that holds any of the terms."""
        return self._sections.scores(terms)

    def page_scores(self, terms: Iterable[WeightedTerm]) -> dict[int, float]:
        """Return position → score of each page that holds any of the terms."""
        return self._pages.scores(terms)


class _Scorer:
    """Adds up what each term says of each document.

    That never changes while an index is open, so it is asked of whoosh once: a search by whoosh itself costs
    several milliseconds, most of them in merging the documents of the terms one by one.
    """

    def __init__(self, searcher: index.Searcher) -> None:
        self._searcher = searcher
        self._lock = threading.Lock()
        self._by_term = lru_cache(maxsize=_REMEMBERED_TERMS)(self._read)

    def scores(self, terms: Iterable[WeightedTerm]) -> dict[int, float]:
        """Return position → score of each document that holds any of the terms."""
        meanings: dict[str, list[WeightedTerm]] = {}
        for term in terms:
            meanings.setdefault(term.meaning, []).append(term)
        totals: dict[int, float] = {}
        for alike in meanings.values():
            best: dict[int, float] = {}
            for term in alike:
                weight = term.weight
                for position, score in self._by_term(term.field, term.text):
                    weighted = score * weight
                    if weighted > best.get(position, 0.0):
                        best[position] = weighted
            for position, score in best.items():
                totals[position] = totals.get(position, 0.0) + score
        return totals

    def _read(self, field: str, text: str) -> tuple[tuple[int, float], ...]:
        """Return (position, BM25 of the term there); documents of one commit are numbered in their order."""
        found = []
        with self._lock:  # whoosh's files have one place to read at
            matcher = query.Term(field, text).matcher(self._searcher, self._searcher.boolean_context())
            while matcher.is_active():
                found.append((matcher.id(), matcher.score()))
                matcher.next()
        return tuple(found)
