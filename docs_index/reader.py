"""Give a page, or a part of it, in pieces that fit into an answer."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from docs_index import links
from docs_index.corpus import Corpus
from docs_index.errors import InvalidArgumentError, SectionNotFoundError, quote
from docs_index.model import Heading, Page
from docs_index.results import ReadResult
from docs_index.sections import anchor_of

BUDGET_CHARS = 16_000
_SURE_CHARS = 100
_MOST_NAMES = 50
_NEAR_NAMES = 10
_NAME_CHARS = 100
_CUT_MARK = " … [line cut]"


def read(corpus: Corpus, page: Page, *, section: str | None, offset: int, limit: int | None) -> ReadResult:
    """Return up to `limit` lines of the page or section, after skipping `offset` lines of it.

    However many lines are asked for, the text stays within 16,000 characters; a single longer line is cut.
    Links of an imported page stand as paths where they lead to a page of `corpus`.

    Raises:
        SectionNotFoundError: the page has no such heading.
        InvalidArgumentError: the offset is behind the end.
    """
    heading = _find(page, section) if section else None
    first, last = _range(page, heading)
    lines = page.lines[first:last]
    if offset and offset >= len(lines):
        raise InvalidArgumentError(
            f"Offset {offset} is behind the end: there are {len(lines)} lines.",
            hint="Start again at offset 0.",
        )
    shown = lines[offset : None if limit is None else offset + limit]
    if page.provenance.source:
        shown = tuple(links.as_paths(line, page, corpus) for line in shown)
    text, count = _within_budget(shown)
    following = offset + count
    return ReadResult(
        path=page.path,
        provenance=page.provenance,
        title=page.title,
        description=page.description,
        category=page.category,
        sdks=page.sdks,
        section=heading.anchor if heading else None,
        text=text,
        line=first + offset + 1,
        total_lines=len(lines),
        size=sum(len(line) + 1 for line in lines),
        headings=page.headings,
        next_offset=following if following < len(lines) else None,
    )


def _find(page: Page, asked: str) -> Heading:
    """Return the heading meant by an anchor, a heading text, or a path such as "Retries > Backoff"."""
    wanted = asked.strip().lstrip("#").strip()
    last = wanted.rsplit(">", 1)[-1].strip()
    for matches in (
        lambda heading: heading.anchor == wanted,
        lambda heading: heading.text.lower() == wanted.lower(),
        lambda heading: bool(last) and heading.anchor in {anchor_of(wanted), anchor_of(last)},
        # An answer shows only the beginning of an anchor without end.
        lambda heading: len(wanted) >= _SURE_CHARS and heading.anchor.startswith(wanted),
    ):
        for heading in page.headings:
            if matches(heading):
                return heading
    names = [heading.text for heading in page.headings]
    raise SectionNotFoundError(
        f"The page {page.path} has no section {quote(asked)}.",
        headings=names,
        hint=f"Its sections are: {'; '.join(_shown(names, wanted))}.",
    )


def _shown(names: Sequence[str], wanted: str) -> list[str]:
    """Return the names that fit into a sentence: all of them, or those most like what was asked for."""
    if len(names) > _MOST_NAMES:
        known = {name[:_NAME_CHARS].lower(): name for name in names}
        near = difflib.get_close_matches(wanted[:_NAME_CHARS].lower(), known, n=_NEAR_NAMES, cutoff=0.3)
        names = [known[name] for name in near] or names[:_NEAR_NAMES]
        return [*(name[:_NAME_CHARS] for name in names), "and others"]
    return [name[:_NAME_CHARS] for name in names]


def _range(page: Page, heading: Heading | None) -> tuple[int, int]:
    """Return the 0-based half-open range of lines of a heading with everything below it."""
    if heading is None:
        return 0, len(page.lines)
    following = (
        other.line - 1
        for other in page.headings
        if other.line > heading.line and other.level <= heading.level
    )
    return heading.line - 1, next(following, len(page.lines))


def _within_budget(lines: tuple[str, ...]) -> tuple[str, int]:
    """Return the text of as many lines as fit, at least one, and their number."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > BUDGET_CHARS:
            if not kept:
                kept.append(line[: BUDGET_CHARS - len(_CUT_MARK) - 1] + _CUT_MARK)
            break
        kept.append(line)
    return "".join(line + "\n" for line in kept), len(kept)
