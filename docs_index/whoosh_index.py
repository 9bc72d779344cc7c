"""The only module that knows whoosh: build an index in memory, open it, score terms.

User text never reaches whoosh's query parser (a "?" there is a wildcard, `path:x` a field search): callers
hand in finished terms. An index is a mapping of file names to bytes, so storing it is somebody else's job.

Import this module late: whoosh takes up to 140 ms.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

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
# A page repeats its topic more often than a section does, so its counts may grow further before saturating.
_SECTION_SCORING = scoring.BM25F(B=0.75, K1=1.2)
_PAGE_SCORING = scoring.BM25F(B=0.75, K1=4.0)


class _MemoryStorage(RamStorage):  # type: ignore[misc]  # whoosh has no types
    """A RamStorage that writes nothing to disk; the original has temporary files in a shared folder."""

    def temp_storage(self, name: str | None = None) -> _MemoryStorage:  # noqa: ARG002 - whoosh's signature
        return _MemoryStorage()


def build(sections: Iterable[Document], pages: Iterable[Document]) -> dict[str, bytes]:
    """Index sections and pages and return the files of the index."""
    storage = _MemoryStorage()
    for name, documents in ((_SECTIONS, sections), (_PAGES, pages)):
        # whoosh's own tokenizer only: the schema is pickled into the index, and must not name our modules.
        terms = fields.TEXT(analyzer=SpaceSeparatedTokenizer(), phrase=False)
        schema = fields.Schema(position=fields.STORED, words=terms, identifiers=terms)
        writer = storage.create_index(schema, indexname=name).writer()
        for position, document in enumerate(documents):
            writer.add_document(position=position, words=document.words, identifiers=document.identifiers)
        writer.commit()
    return {name: bytes(content) for name, content in storage.files.items()}


class TermIndex:
    """An opened index. Searches may run in several threads at once."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Open what `build` returned. Anything else raises whatever whoosh makes of it."""
        storage = _MemoryStorage()
        storage.files.update(files)
        self._sections = storage.open_index(indexname=_SECTIONS).searcher(weighting=_SECTION_SCORING)
        self._pages = storage.open_index(indexname=_PAGES).searcher(weighting=_PAGE_SCORING)
        reader = self._sections.reader()
        self.words: Mapping[str, int] = {
            term.decode(): reader.doc_frequency("words", term) for term in reader.lexicon("words")
        }
        self.identifiers = frozenset(term.decode() for term in reader.lexicon("identifiers"))

    def section_scores(self, terms: Iterable[WeightedTerm]) -> dict[int, float]:
        """Return position → score of each section that holds any of the terms."""
        return _scores(self._sections, terms)

    def page_scores(self, terms: Iterable[WeightedTerm]) -> dict[int, float]:
        """Return position → score of each page that holds any of the terms."""
        return _scores(self._pages, terms)


def _scores(searcher: index.Searcher, terms: Iterable[WeightedTerm]) -> dict[int, float]:
    clauses = [query.Term(term.field, term.text, boost=term.weight) for term in terms]
    if not clauses:
        return {}
    # No limit: at this size, skipping to the best hits costs more than scoring all of them.
    hits = searcher.search(query.Or(clauses), limit=None)
    return {searcher.stored_fields(number)["position"]: score for score, number in hits.top_n}
