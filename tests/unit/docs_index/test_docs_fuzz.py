"""Whatever comes in, only errors of the package come out."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docs_index import DocsIndex, DocsIndexError
from docs_index.regex_literals import literals
from docs_index.sections import split

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
WORDS = st.lists(
    st.sampled_from(
        [
            "step.run",
            "waitForEvent",
            "retry",
            "how",
            "?",
            "*",
            "AND",
            "(",
            '"',
            "path:",
            "python",
            "évent",
            "\x00",
        ]
    ),
    max_size=8,
).map(" ".join)
PATTERNS = st.text("ab.*+?()[]{}|^$\\-,:=!<>Pdwsx01 \n", max_size=25)
NUMBERS = st.integers(-3, 10**12)

# The index is built once; every example after that is quick, whatever the first one takes.
relaxed = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@relaxed
@given(query=ANY_TEXT | WORDS, sdk=st.none() | ANY_TEXT | st.just("python"), limit=NUMBERS)
def test_searching_for_anything_raises_only_our_errors(
    shipped: DocsIndex, query: str, sdk: str | None, limit: int
) -> None:
    with contextlib.suppress(DocsIndexError):
        result = shipped.search(query, sdk=sdk, limit=limit)
        json.dumps(asdict(result))
        assert bool(result.results) != bool(result.suggestions)
        assert all(len(hit.excerpt) <= 1_300 for hit in result.results)


@relaxed
@given(pattern=ANY_TEXT | PATTERNS, limit=NUMBERS, context=NUMBERS)
def test_grepping_for_anything_raises_only_our_errors(
    shipped: DocsIndex, pattern: str, limit: int, context: int
) -> None:
    with contextlib.suppress(DocsIndexError):
        result = shipped.grep(pattern, limit=limit, context=context)
        assert result.count == len(result.matches) <= result.total_matches
        assert bool(result.matches) != bool(result.suggestions)


@relaxed
@given(
    path=ANY_TEXT | st.just("steps/run"),
    section=st.none() | ANY_TEXT,
    offset=NUMBERS,
    limit=st.none() | NUMBERS,
)
def test_reading_anything_raises_only_our_errors(
    shipped: DocsIndex, path: str, section: str | None, offset: int, limit: int | None
) -> None:
    with contextlib.suppress(DocsIndexError):
        assert len(shipped.read(path, section=section, offset=offset, limit=limit).text) <= 16_000


@relaxed
@given(cursor=ANY_TEXT, category=st.none() | ANY_TEXT)
def test_listing_anything_raises_only_our_errors(
    shipped: DocsIndex, cursor: str, category: str | None
) -> None:
    with contextlib.suppress(DocsIndexError):
        shipped.list(cursor=cursor, category=category)


@relaxed
@given(pattern=PATTERNS | ANY_TEXT)
def test_literals_exist_for_any_pattern(pattern: str) -> None:
    assert isinstance(literals(pattern), str)


@relaxed
@given(
    lines=st.lists(ANY_TEXT | st.sampled_from(["# a", "## b", "```", "~~~", "````ts", "text"]), min_size=1)
)
def test_sections_cover_every_line_exactly_once(lines: list[str]) -> None:
    parts = split(lines, path="p", title="t", category="c", page_sdks=())

    assert parts[0].line_start == 1
    assert parts[-1].line_end == len(lines)
    assert all(before.line_end + 1 == after.line_start for before, after in pairwise(parts))
    assert len({part.heading.anchor for part in parts}) == len(parts)
