"""Every exception the documentation index raises for its callers.

The tree::

    DocsIndexError                 .hint: the next thing to do, one sentence
    ├─ CorpusError                 a folder of pages cannot be read
    ├─ InvalidQueryError           nothing in the query can be searched
    ├─ InvalidPatternError         a regular expression that RE2 refuses
    ├─ InvalidArgumentError        a limit, offset, SDK or category that does not exist
    │  └─ InvalidCursorError       a cursor that no earlier answer gave
    ├─ PageNotFoundError           .nearest: paths close to the one asked for
    └─ SectionNotFoundError        .headings: the headings that the page does have
"""

from __future__ import annotations

from collections.abc import Sequence

_QUOTED_CHARS = 80


class DocsIndexError(Exception):
    """Base of all errors of the index; `str()` is one sentence for the caller."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class CorpusError(DocsIndexError):
    """A folder of pages does not exist or cannot be read."""


class InvalidQueryError(DocsIndexError):
    """A search query is empty, too long, or holds nothing that can be searched."""


class InvalidPatternError(DocsIndexError):
    """A regular expression is empty, too long, or not in the RE2 dialect."""


class InvalidArgumentError(DocsIndexError):
    """A limit, offset, SDK or category cannot be used; the message names it."""


class InvalidCursorError(InvalidArgumentError):
    """A cursor was not given by an earlier answer to the same question."""


class PageNotFoundError(DocsIndexError):
    """No page has this path; `nearest` lists up to five paths close to it."""

    def __init__(self, message: str, *, nearest: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.nearest = tuple(nearest)


class SectionNotFoundError(DocsIndexError):
    """The page has no such section; `headings` lists those it has, in page order."""

    def __init__(self, message: str, *, headings: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.headings = tuple(headings)


def quote(text: str) -> str:
    """Return the caller's text in quotes, short enough and clean enough to stand in a message."""
    clean = "".join(character if character.isprintable() else "�" for character in text[: _QUOTED_CHARS + 1])
    return f"'{clean}'" if len(clean) <= _QUOTED_CHARS else f"'{clean[:_QUOTED_CHARS]}…'"
