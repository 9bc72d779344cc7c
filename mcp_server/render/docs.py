"""Answers of the documentation index as results of the tools.

Where a page is from is said in few words: an answer names the version of the shipped pages once, and a page
of another corpus has its source and date in its first row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from mcp.types import CallToolResult

from docs_index import (
    GrepMatch,
    GrepResult,
    ListResult,
    Provenance,
    ReadResult,
    SearchHit,
    SearchResult,
    Suggestion,
)
from mcp_server.clean import in_json, one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.numbers import counted
from mcp_server.results.docs import (
    CorpusInfo,
    GrepDocsResult,
    GrepMatchInfo,
    HeadingInfo,
    ListDocsResult,
    PageHint,
    PageInfo,
    ReadDocResult,
    SearchDocsResult,
    SearchHitInfo,
)

_SHARES = (1.0, 0.5, 0.25, 0.1, 0.02)
_MAX_HEADINGS = 60
_MAX_CATEGORIES = 60
_MAX_HEADING = 300
_MAX_ANCHOR = 200


def search_answer(found: SearchResult) -> CallToolResult:
    """Build the answer of search_docs."""
    return first_fit(partial(_search, found, max(1, int(len(found.results) * share))) for share in _SHARES)


def _search(found: SearchResult, rows: int) -> CallToolResult:
    hits = [_hit(hit, is_first=hit is page[0]) for page in found.by_page(rows) for hit in page]
    query = one_line(found.query, 80)
    result = SearchDocsResult(
        message=(
            f"{len(hits)} of {counted(found.total, 'section')} for {query!r}, best page first."
            f"{_shipped(hit.provenance for hit in found.results[:rows])}"
            if hits
            else f"No section of the documentation fits {query!r}."
        ),
        count=len(hits),
        total=found.total,
        results=hits,
        corrections=dict(found.corrections) or None,
        suggestions=_hints(found.suggestions),
        truncated=_left_out(len(found.results) - len(hits)),
        next=(
            f"read_doc path={in_json(hits[0].path)} section={in_json(hits[0].section)} reads the first; "
            "a larger limit shows more."
            if hits
            else "Other words, or grep_docs for an exact name or error text; list_docs shows all pages."
        ),
    )
    return reply(result)


def _hit(hit: SearchHit, *, is_first: bool) -> SearchHitInfo:
    folders = hit.path.split("/")[:-1]
    return SearchHitInfo(
        path=hit.path,
        section=hit.section[:_MAX_ANCHOR],
        title=hit.title if is_first else None,
        heading=one_line(" > ".join(hit.heading_path[1:]), _MAX_HEADING) or hit.title,
        line=hit.line,
        excerpt=hit.excerpt,
        excerpt_line=hit.excerpt_line,
        category=hit.category if is_first and hit.category not in folders else None,
        **(_origin(hit.provenance) if is_first else {}),
        sdks=list(hit.sdks) or None,
        same_as=list(hit.same_as) or None,
        why=list(hit.why) or None,
    )


def grep_answer(found: GrepResult) -> CallToolResult:
    """Build the answer of grep_docs."""
    return first_fit(partial(_grep, found, max(1, int(len(found.matches) * share))) for share in _SHARES)


def _grep(found: GrepResult, rows: int) -> CallToolResult:
    named: set[str] = set()
    matches: list[GrepMatchInfo] = []
    for match in found.matches[:rows]:
        matches.append(_match(match, is_first=match.file not in named))
        named.add(match.file)
    pattern = one_line(found.pattern, 80)
    is_cut = found.truncated or len(matches) < found.total_matches
    result = GrepDocsResult(
        message=(
            f"{len(matches)} of {counted(found.total_matches, 'line')} "
            f"on {counted(found.total_pages, 'page')} for {pattern!r}."
            f"{_shipped(match.provenance for match in found.matches[:rows])}"
            if matches
            else f"No line of the documentation matches {pattern!r}."
        ),
        count=len(matches),
        total_matches=found.total_matches,
        total_pages=found.total_pages,
        matches=matches,
        suggestions=_hints(found.suggestions),
        truncated="More lines match: a larger limit, a path or a narrower pattern shows them."
        if is_cut
        else None,
        next=(
            f"{_section_of(found.matches[0])} reads the first in its section; without section, the page."
            if matches
            else "search_docs finds pages by topic, also when the words differ."
        ),
    )
    return reply(result)


def _match(match: GrepMatch, *, is_first: bool) -> GrepMatchInfo:
    return GrepMatchInfo(
        file=match.file,
        line=match.line,
        content=match.content,
        before=list(match.before) or None,
        after=list(match.after) or None,
        **(_origin(match.provenance) if is_first else {}),
    )


def _section_of(match: GrepMatch) -> str:
    section = f" section={in_json(match.section[:_MAX_ANCHOR])}" if match.section else ""
    return f"read_doc path={in_json(match.file)}{section}"


def read_answer(found: ReadResult) -> CallToolResult:
    """Build the answer of read_doc; the headings make way first when the page is long."""
    return first_fit(partial(_read, found, headings) for headings in (_MAX_HEADINGS, 20, 0))


def _read(found: ReadResult, headings: int) -> CallToolResult:
    anchor = found.section[:_MAX_ANCHOR] if found.section else None
    where = f"section {anchor!r} of {found.path}" if anchor else found.path
    rest = found.next_offset is not None
    result = ReadDocResult(
        message=f"{one_line(found.title, 100)}: {where}, from line {found.line}."
        f"{_shipped([found.provenance])}",
        path=found.path,
        title=found.title,
        category=found.category,
        sdks=list(found.sdks) or None,
        **_origin(found.provenance),
        section=anchor,
        size=found.size,
        line=found.line,
        total_lines=found.total_lines,
        headings=[
            HeadingInfo(
                section=heading.anchor[:_MAX_ANCHOR],
                text=one_line(heading.text, _MAX_HEADING),
                level=heading.level,
                line=heading.line,
            )
            for heading in found.headings[:headings]
        ]
        or None,
        truncated=(
            f"{len(found.text):,} of {found.size:,} characters shown; offset={found.next_offset} continues."
            if rest
            else None
        ),
        next_offset=found.next_offset,
        next=_next_part(found),
        content=found.text,
    )
    return reply(result, block="content")


def _next_part(found: ReadResult) -> str | None:
    if found.next_offset is None:
        return None
    section = f" section={in_json(found.section[:_MAX_ANCHOR])}" if found.section else ""
    return f"read_doc path={in_json(found.path)}{section} offset={found.next_offset} continues."


def list_answer(found: ListResult) -> CallToolResult:
    """Build the answer of list_docs."""
    return first_fit(partial(_list, found, with_descriptions=flag) for flag in (True, False))


def _list(found: ListResult, *, with_descriptions: bool) -> CallToolResult:
    pages = [
        PageInfo(
            path=page.path,
            title=page.title,
            category=page.category,
            description=page.description or None if with_descriptions else None,
            sdks=list(page.sdks) or None,
        )
        for page in found.pages
    ]
    total = sum(found.categories.values())
    corpora = [
        CorpusInfo(
            name=corpus.name,
            title=one_line(corpus.title, 100),
            pages=corpus.pages,
            source=corpus.source or None,
            as_of=corpus.as_of or None,
        )
        for corpus in found.corpora
    ]
    shipped = _shipped(page.provenance for page in found.pages) if len(corpora) == 1 else ""
    of_all = f"; the documentation has {total}" if total != found.total else ""
    result = ListDocsResult(
        message=f"{len(pages)} of {counted(found.total, 'page')} shown{of_all}.{shipped}",
        total_docs=total,
        matching=found.total,
        categories=dict(list(found.categories.items())[:_MAX_CATEGORIES]),
        sdks=dict(found.sdks),
        corpora=corpora if len(corpora) > 1 else None,
        notes=list(found.notices) or None,
        pages=pages,
        next_cursor=found.next_cursor,
        next=(
            f'list_docs cursor="{found.next_cursor}" shows more pages; read_doc path="…" reads one.'
            if found.next_cursor
            else 'read_doc path="…" reads a page; search_docs finds by topic.'
        ),
    )
    return reply(result)


def _origin(provenance: Provenance) -> dict[str, str | None]:
    """Return where a page of another corpus is from; nothing for a shipped one, which has no source."""
    if not provenance.source:
        return {}
    return {"source": provenance.source, "as_of": provenance.as_of or None}


def _shipped(origins: Iterable[Provenance]) -> str:
    """Return the sentence that says of which version the shipped pages in an answer are, if there are any."""
    all_origins = list(origins)
    shipped = next((origin for origin in all_origins if not origin.source), None)
    if shipped is None or not shipped.as_of:
        return ""
    which = "Pages without a source: docs" if any(origin.source for origin in all_origins) else "Docs"
    return f" {which} of {shipped.title} {shipped.as_of}."


def _hints(suggestions: Sequence[Suggestion]) -> list[PageHint] | None:
    return [PageHint(path=hint.path, title=hint.title) for hint in suggestions] or None


def _left_out(number: int) -> str | None:
    return (
        f"{number} more sections were found; a smaller limit or narrower words show all."
        if number > 0
        else None
    )
