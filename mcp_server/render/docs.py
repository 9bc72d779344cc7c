"""Answers of the documentation index as results of the tools."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mcp.types import CallToolResult

from docs_index import GrepResult, ListResult, ReadResult, SearchResult, Suggestion
from mcp_server.clean import one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.results.docs import (
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

_SHARES = (1.0, 0.5, 0.25, 0.1)
_MAX_HEADINGS = 60


def search_answer(found: SearchResult) -> CallToolResult:
    """Build the answer of search_docs."""
    return first_fit(partial(_search, found, max(1, int(len(found.results) * share))) for share in _SHARES)


def _search(found: SearchResult, rows: int) -> CallToolResult:
    hits = [
        SearchHitInfo(
            path=hit.path,
            section=hit.section,
            title=hit.title,
            heading=" > ".join(hit.heading_path),
            line=hit.line,
            excerpt=hit.excerpt,
            excerpt_line=hit.excerpt_line,
            category=hit.category,
            sdks=list(hit.sdks) or None,
            why=list(hit.why) or None,
        )
        for hit in found.results[:rows]
    ]
    query = one_line(found.query, 80)
    result = SearchDocsResult(
        message=(
            f"{len(hits)} of {found.total} sections for {query!r}, best first."
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
            f'read_doc path="{hits[0].path}" section="{hits[0].section}" reads the first; '
            "a larger limit shows more."
            if hits
            else "Other words, or grep_docs for an exact name or error text; list_docs shows all pages."
        ),
    )
    return reply(result)


def grep_answer(found: GrepResult) -> CallToolResult:
    """Build the answer of grep_docs."""
    return first_fit(partial(_grep, found, max(1, int(len(found.matches) * share))) for share in _SHARES)


def _grep(found: GrepResult, rows: int) -> CallToolResult:
    matches = [
        GrepMatchInfo(
            file=match.file,
            line=match.line,
            content=match.content,
            before=list(match.before) or None,
            after=list(match.after) or None,
        )
        for match in found.matches[:rows]
    ]
    pattern = one_line(found.pattern, 80)
    is_cut = found.truncated or len(matches) < found.total_matches
    result = GrepDocsResult(
        message=(
            f"{len(matches)} of {found.total_matches} lines on {found.total_pages} pages match {pattern!r}."
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
            f'read_doc path="{matches[0].file}" reads the page around the first match.'
            if matches
            else "search_docs finds pages by topic, also when the words differ."
        ),
    )
    return reply(result)


def read_answer(found: ReadResult) -> CallToolResult:
    """Build the answer of read_doc; the headings make way first when the page is long."""
    return first_fit(partial(_read, found, headings) for headings in (_MAX_HEADINGS, 20, 0))


def _read(found: ReadResult, headings: int) -> CallToolResult:
    where = f"section {found.section!r} of {found.path}" if found.section else found.path
    rest = found.next_offset is not None
    result = ReadDocResult(
        message=f"{one_line(found.title, 100)}: {where}, from line {found.line}.",
        path=found.path,
        title=found.title,
        category=found.category,
        sdks=list(found.sdks) or None,
        section=found.section,
        size=found.size,
        line=found.line,
        total_lines=found.total_lines,
        headings=[
            HeadingInfo(section=heading.anchor, text=heading.text, level=heading.level, line=heading.line)
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
    section = f' section="{found.section}"' if found.section else ""
    return f'read_doc path="{found.path}"{section} offset={found.next_offset} continues.'


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
    result = ListDocsResult(
        message=f"{len(pages)} of {found.total} pages shown; the documentation has {total}.",
        total_docs=total,
        matching=found.total,
        categories=dict(found.categories),
        sdks=dict(found.sdks),
        pages=pages,
        next_cursor=found.next_cursor,
        next=(
            f'list_docs cursor="{found.next_cursor}" shows more pages; read_doc path="…" reads one.'
            if found.next_cursor
            else 'read_doc path="…" reads a page; search_docs finds by topic.'
        ),
    )
    return reply(result)


def _hints(suggestions: Sequence[Suggestion]) -> list[PageHint] | None:
    return [PageHint(path=hint.path, title=hint.title) for hint in suggestions] or None


def _left_out(number: int) -> str | None:
    return (
        f"{number} more sections were found; a smaller limit or narrower words show all."
        if number > 0
        else None
    )
