"""The table of contents, a page of it at a time."""

from __future__ import annotations

import base64
import binascii
import hashlib

from docs_index.corpus import Corpus
from docs_index.errors import InvalidCursorError
from docs_index.results import ListResult, PageEntry

MAX_LIMIT = 200


def list_pages(
    corpus: Corpus, *, category: str | None, sdk: str | None, cursor: str | None, limit: int
) -> ListResult:
    """Return up to `limit` pages that pass the filters, from where `cursor` points.

    Raises:
        InvalidCursorError: the cursor belongs to other filters, another corpus, or to nothing.
    """
    entries = [
        PageEntry(
            path=page.path,
            provenance=page.provenance,
            title=page.title,
            description=page.description,
            category=page.category,
            sdks=page.sdks,
        )
        for page in corpus.pages.values()
        if (category is None or category in (page.category, page.provenance.corpus))
        and (sdk is None or not page.sdks or sdk in page.sdks)
    ]
    question = hashlib.sha256(f"{corpus.digest}\0{category}\0{sdk}".encode()).hexdigest()[:12]
    start = 0 if cursor is None else _offset(cursor, question, len(entries))
    end = start + limit
    return ListResult(
        total=len(entries),
        corpora=corpus.parts,
        notices=corpus.notices,
        categories=dict(corpus.categories),
        sdks=dict(corpus.sdk_coverage),
        pages=tuple(entries[start:end]),
        next_cursor=_cursor(end, question) if end < len(entries) else None,
    )


def _cursor(offset: int, question: str) -> str:
    return base64.urlsafe_b64encode(f"{question}:{offset}".encode()).decode()


def _offset(cursor: str, question: str, total: int) -> int:
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        asked, _, offset = raw.decode().partition(":")
        if asked == question and 0 < (number := int(offset)) < total:
            return number
    except (binascii.Error, ValueError):
        pass  # the same answer for everything that is not a cursor of ours
    raise InvalidCursorError(
        "The cursor does not fit this list.", hint="Leave the cursor out to start again from the first page."
    )
