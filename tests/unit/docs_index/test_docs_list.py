from __future__ import annotations

import base64

import pytest

from docs_index import DocsIndex, InvalidArgumentError, InvalidCursorError


def test_the_list_counts_categories_and_what_the_pages_hold_for_each_sdk(docs: DocsIndex) -> None:
    result = docs.list()

    assert result.total == 4
    assert result.categories == {"steps": 2, "guides": 2}
    assert result.sdks == {"typescript": 1, "python": 2, "go": 0}
    assert result.next_cursor is None


def test_pages_come_in_reading_order_with_their_facts(docs: DocsIndex) -> None:
    first, second, *_ = docs.list().pages

    assert (first.path, first.title, first.category) == ("steps/wait", "Wait for an event", "steps")
    assert first.description == "Pause until something happens"
    assert second.path == "steps/run"


def test_filters_keep_pages_of_a_category_and_pages_that_fit_an_sdk(docs: DocsIndex) -> None:
    assert [page.path for page in docs.list(category="guides").pages] == ["guides", "guides/python/only"]
    assert [page.path for page in docs.list(sdk="ts").pages] == ["steps/wait", "steps/run", "guides"]


def test_cursors_lead_through_all_pages_once(docs: DocsIndex) -> None:
    seen, cursor = [], None
    for _ in range(10):
        result = docs.list(limit=1, cursor=cursor)
        seen += [page.path for page in result.pages]
        cursor = result.next_cursor
        if cursor is None:
            break

    assert seen == [page.path for page in docs.list().pages]


@pytest.mark.parametrize(
    "cursor", ["", "2", "x", "\x00", "é", "\ud800", "====", base64.b64encode(b"abc:1").decode(), "a" * 5_000]
)
def test_a_cursor_that_was_never_given_is_refused(docs: DocsIndex, cursor: str) -> None:
    with pytest.raises(InvalidCursorError) as caught:
        docs.list(cursor=cursor)

    assert caught.value.hint


def test_a_cursor_belongs_to_its_filters(docs: DocsIndex) -> None:
    cursor = docs.list(limit=1).next_cursor

    with pytest.raises(InvalidCursorError):
        docs.list(category="steps", limit=1, cursor=cursor)


def test_unknown_filters_and_weird_limits_are_refused(docs: DocsIndex) -> None:
    with pytest.raises(InvalidArgumentError):
        docs.list(category="cooking")
    with pytest.raises(InvalidArgumentError):
        docs.list(sdk="cobol")
    with pytest.raises(InvalidArgumentError):
        docs.list(limit=0)
