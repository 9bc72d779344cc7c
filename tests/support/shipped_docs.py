"""The shipped pages, read once for all tests of a process that only look into them."""

from __future__ import annotations

from functools import cache

from docs_index import DocsIndex


@cache
def shipped_docs() -> DocsIndex:
    """Return the index of the shipped pages; its cache is the one that `stepcue` itself has here."""
    return DocsIndex.open()
