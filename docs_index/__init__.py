"""Search, grep, read and list the documentation that ships with Stepcue, or any folder of markdown.

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
from docs_index.model import Heading
from docs_index.results import (
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
    "ReadResult",
    "SearchHit",
    "SearchResult",
    "SectionNotFoundError",
    "Suggestion",
]
