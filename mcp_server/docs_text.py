"""Hits of the documentation as lines for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from docs_index import GrepResult, SearchResult, Suggestion
from mcp_server.clean import one_line


def search_lines(found: SearchResult) -> Iterator[str]:
    """Yield the hits page by page: headings with where to read on, then the lines that fit."""
    for word, other in found.corrections.items():
        yield f"No page has {word!r}; searched for {other!r}."
    if not found.results:
        yield f"No section fits {one_line(found.query, 80)!r}."
        yield from _suggested(found.suggestions)
        return
    for hits in found.by_page():
        place = hits[0].provenance
        origin = f"{place.title}, {place.as_of}" if place.as_of else place.title
        yield f"{hits[0].title}  [{one_line(origin)}]"
        if place.source:
            yield f"  {place.source}"
        for hit in hits:
            sdks = f"  ({', '.join(hit.sdks)})" if hit.sdks else ""
            yield f"  {hit.path}#{hit.section}{sdks}"
            yield from (f"    {line}" for line in hit.excerpt.split("\n"))
        yield ""
    yield f"{len(found.results)} of {found.total} sections. Read one: stepcue docs read PATH#SECTION"


def grep_lines(found: GrepResult) -> Iterator[str]:
    """Yield the matches as grep does, path and line before each."""
    if not found.matches:
        yield f"No line matches {one_line(found.pattern, 80)!r}."
        yield from _suggested(found.suggestions)
        return
    for match in found.matches:
        first = match.line - len(match.before)
        for number, line in enumerate(match.before, start=first):
            yield f"{match.file}-{number}-{line}"
        yield f"{match.file}:{match.line}:{match.content}"
        for number, line in enumerate(match.after, start=match.line + 1):
            yield f"{match.file}-{number}-{line}"
        if match.before or match.after:
            yield "--"
    yield f"Lines: {found.count} of {found.total_matches}; pages: {found.total_pages}."


def _suggested(suggestions: Sequence[Suggestion]) -> Iterator[str]:
    if suggestions:
        yield "Perhaps: " + ", ".join(f"{page.path} ({one_line(page.title)})" for page in suggestions)
