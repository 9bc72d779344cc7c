"""What the operations of the index answer: plain values, ready to be turned into JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docs_index.model import Heading, Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A page that may help when nothing was found."""

    path: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """One section that fits a query.

    `line` is the 1-based line of its heading, `excerpt_line` that of the first line of `excerpt`.
    `section` is the anchor to give to `read`. `score` orders the hits of one search and means nothing else.
    `why` names the words of the query that the section holds, with "a → b" where b was searched for a.
    `same_as` are paths of pages in less preferred corpora that say the same there.
    """

    path: str
    provenance: Provenance
    title: str
    heading_path: tuple[str, ...]
    section: str
    line: int
    excerpt: str
    excerpt_line: int
    sdks: tuple[str, ...]
    category: str
    score: float
    why: tuple[str, ...]
    same_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Ranked sections, best first.

    `total` counts all sections that hold a word of the query and pass the filters. `corrections` maps a word
    that no page has to the one searched instead. `suggestions` is filled only when nothing was found.
    """

    query: str
    results: tuple[SearchHit, ...]
    total: int
    corrections: Mapping[str, str] = field(default_factory=dict)
    suggestions: tuple[Suggestion, ...] = ()

    def by_page(self, most: int | None = None) -> tuple[tuple[SearchHit, ...], ...]:
        """Return the best `most` hits, all by default, page by page: the page of the best hit first."""
        pages: dict[str, list[SearchHit]] = {}
        for hit in self.results[:most]:
            pages.setdefault(hit.path, []).append(hit)
        return tuple(map(tuple, pages.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class GrepMatch:
    """One matching line of the page `file`; `line` is 1-based, `before` and `after` are its neighbours.

    `section` is the anchor of the section that the line is in, or empty before the first one.
    """

    file: str
    provenance: Provenance
    line: int
    section: str
    content: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GrepResult:
    """Matching lines, most relevant page first.

    `count` is the number of `matches` here, `total_matches` and `total_pages` what the scan found in all.
    `truncated` says that matches were left out, or that the scan stopped early. `suggestions` is filled only
    when nothing matched.
    """

    pattern: str
    matches: tuple[GrepMatch, ...]
    count: int
    total_matches: int
    total_pages: int
    truncated: bool
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """A page, or one section of it with its subsections, as markdown.

    `line` is the 1-based page line at which `text` starts. `total_lines` and `size` (characters) describe all
    that was asked for, `text` the part given here. `next_offset` continues it with the same path and
    section; None at the end. `headings` are those of the whole page.
    """

    path: str
    provenance: Provenance
    title: str
    description: str
    category: str
    sdks: tuple[str, ...]
    section: str | None
    text: str
    line: int
    total_lines: int
    size: int
    headings: tuple[Heading, ...]
    next_offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageEntry:
    """One line of the table of contents."""

    path: str
    provenance: Provenance
    title: str
    description: str
    category: str
    sdks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusEntry:
    """One corpus: its name and title, where it is from, as of when, and how many pages it has.

    `source` is an address or a folder, "" for the shipped pages; `as_of` a day (YYYY-MM-DD), for the shipped
    pages the version of the package.
    """

    name: str
    title: str
    source: str
    as_of: str
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResult:
    """A table of contents.

    `total` counts the pages that pass the filters. `categories` and `sdks` count pages of all corpora: a page
    counts for an SDK when it holds code or text for it. `corpora` are all of them, the most preferred first;
    `notices` say which were left out, and why. `next_cursor` is None on the last page.
    """

    total: int
    corpora: tuple[CorpusEntry, ...]
    notices: tuple[str, ...]
    categories: Mapping[str, int]
    sdks: Mapping[str, int]
    pages: tuple[PageEntry, ...]
    next_cursor: str | None
