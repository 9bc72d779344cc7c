"""Search, grep, read and list documentation: the pages that ship with Stepcue, imported ones, one's own.

Everything here is synchronous; a caller with an event loop runs it in a thread.
"""

from docs_index.errors import (
    CorpusError,
    DocsIndexError,
    InvalidArgumentError,
    InvalidCursorError,
    InvalidPatternError,
    InvalidQueryError,
    PageNotFoundError,
    SectionNotFoundError,
)
from docs_index.index import DocsIndex
from docs_index.model import Heading, Provenance
from docs_index.results import (
    CorpusEntry,
    GrepMatch,
    GrepResult,
    ListResult,
    PageEntry,
    ReadResult,
    SearchHit,
    SearchResult,
    Suggestion,
)
from docs_index.sdks import SDKS

__all__ = [
    "SDKS",
    "CorpusEntry",
    "CorpusError",
    "DocsIndex",
    "DocsIndexError",
    "GrepMatch",
    "GrepResult",
    "Heading",
    "InvalidArgumentError",
    "InvalidCursorError",
    "InvalidPatternError",
    "InvalidQueryError",
    "ListResult",
    "PageEntry",
    "PageNotFoundError",
    "Provenance",
    "ReadResult",
    "SearchHit",
    "SearchResult",
    "SectionNotFoundError",
    "Suggestion",
]
