"""Get an open search index for a corpus: from the cache, or built now."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from docs_index import documents
from docs_index.analyser import ANALYSER_VERSION
from docs_index.cache import IndexCache
from docs_index.corpus import Corpus
from docs_index.spelling import count_words

if TYPE_CHECKING:
    from docs_index.whoosh_index import TermIndex


def open_index(corpus: Corpus, cache: IndexCache) -> TermIndex:
    """Return the index of `corpus`, building and caching it when the cache has no usable one.

    An index that the cache cannot hold lives in memory only.
    """
    from docs_index import whoosh_index  # noqa: PLC0415 - whoosh is slow to import; only a search pays for it

    key = _key(corpus, whoosh_index.WHOOSH_VERSION)
    cached = cache.load(key)
    if cached is not None:
        try:
            return whoosh_index.TermIndex(cached)
        except Exception:  # noqa: BLE001, S110 - damage shows as any exception of whoosh or pickle; build again
            pass
    sections = [documents.of_section(section, corpus.pages[section.path]) for section in corpus.sections]
    names = (name for document in sections for name in set(document.identifiers.split()))
    files = whoosh_index.build(
        sections,
        (documents.of_page(page) for page in corpus.pages.values()),
        count_words((page.text for page in corpus.pages.values()), names),
    )
    cache.store(key, files)
    return whoosh_index.TermIndex(files)


def _key(corpus: Corpus, whoosh_version: str) -> str:
    """Return the name of an index: equal only for equal pages, sections, analysis and index format.

    An index knows sections by their number, and other versions of Stepcue may divide a page otherwise.
    """
    divided = ",".join(str(section.line_start) for section in corpus.sections)
    parts = f"{corpus.digest}\n{divided}\n{ANALYSER_VERSION}\n{whoosh_version}"
    return hashlib.sha256(parts.encode()).hexdigest()[:32]
