"""What keeps an import, or another change of the library, from being made."""

from __future__ import annotations

from docs_index.errors import DocsIndexError


class SourceError(DocsIndexError):
    """A source cannot be read, or holds nothing that could be imported."""


class LibraryError(DocsIndexError):
    """The library cannot be changed as asked: a name that is taken or unknown, a disk that is full."""
