"""What the documentation tools answer."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result


class PageHint(Detail):
    """A page that may help when nothing was found."""

    path: str
    title: str


class SearchHitInfo(Detail):
    """One section that fits the query; `section` and `path` are what read_doc takes.

    What is true of a whole page (title, category, source, date) is said in the first row of the page.
    """

    path: str
    section: str
    title: str | None = None
    heading: str
    line: int
    excerpt: str
    excerpt_line: int
    category: str | None = None
    source: str | None = None
    as_of: str | None = None
    sdks: list[str] | None = None
    same_as: list[str] | None = None
    why: list[str] | None = None


class SearchDocsResult(Result):
    """Sections by page, the page of the best section first; `total` counts all that fit."""

    count: int
    total: int
    results: list[SearchHitInfo]
    corrections: dict[str, str] | None = None
    suggestions: list[PageHint] | None = None
    truncated: str | None = None


class GrepMatchInfo(Detail):
    """One matching line of a page; the first of a page says where that is from."""

    file: str
    line: int
    content: str
    before: list[str] | None = None
    after: list[str] | None = None
    source: str | None = None
    as_of: str | None = None


class GrepDocsResult(Result):
    """Matching lines, most relevant page first; `count` are shown, `totalMatches` exist."""

    count: int
    total_matches: int
    total_pages: int
    matches: list[GrepMatchInfo]
    suggestions: list[PageHint] | None = None
    truncated: str | None = None


class HeadingInfo(Detail):
    """A heading of the page; `section` is what read_doc takes."""

    section: str
    text: str
    level: int
    line: int


class ReadDocResult(Result):
    """A page, a section of it, or a part of either, as markdown in `content`."""

    path: str
    title: str
    category: str
    sdks: list[str] | None = None
    source: str | None = None
    as_of: str | None = None
    section: str | None = None
    size: int
    line: int
    total_lines: int
    headings: list[HeadingInfo] | None = None
    truncated: str | None = None
    next_offset: int | None = None
    content: str


class PageInfo(Detail):
    """One page of the table of contents."""

    path: str
    title: str
    category: str
    description: str | None = None
    sdks: list[str] | None = None


class CorpusInfo(Detail):
    """One corpus; `name` is a category too, and what the paths of its pages begin with."""

    name: str
    title: str
    pages: int
    source: str | None = None
    as_of: str | None = None


class ListDocsResult(Result):
    """The table of contents; `categories` and `sdks` count the pages of the whole documentation.

    `corpora` are there when there are several, the most preferred first.
    """

    total_docs: int
    matching: int
    categories: dict[str, int]
    sdks: dict[str, int]
    corpora: list[CorpusInfo] | None = None
    notes: list[str] | None = None
    pages: list[PageInfo]
    next_cursor: str | None = None
