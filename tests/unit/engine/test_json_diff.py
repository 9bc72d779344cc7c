"""Where two JSON values differ, as paths."""

from __future__ import annotations

from typing import Any

import pytest

from durable_engine.comparison.json_diff import MAX_CHANGES, Change, diff


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (1, 1, []),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, []),
        (1, 1.0, []),
        (1, True, [("$", 1, True)]),
        (None, 0, [("$", None, 0)]),
        ({"a": 1}, {"a": 2}, [("$.a", 1, 2)]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, [("$.a.b[1]", 2, 3)]),
        ({"a b": 1}, {"a b": 2}, [("$['a b']", 1, 2)]),
        ([1], {"0": 1}, [("$", [1], {"0": 1})]),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, [("$.b", 1, 2), ("$.a", 1, 2)]),
    ],
)
def test_each_place_is_named_with_both_values(before: Any, after: Any, changes: list[Any]) -> None:
    assert [(change.path, change.before, change.after) for change in diff(before, after)] == changes


def test_what_only_one_side_has_is_told_from_null() -> None:
    gone, new = diff({"a": None, "c": [1, 2]}, {"a": None, "b": None, "c": [1]})

    assert gone == Change(path="$.c[1]", before=2, has_after=False)
    assert new == Change(path="$.b", after=None, has_before=False)


def test_a_long_list_of_changes_is_cut() -> None:
    assert len(diff(list(range(500)), list(range(1, 501)))) == MAX_CHANGES
    assert len(diff([1, 2], [3, 4], most=1)) == 1


def test_values_that_are_nested_very_deeply_are_compared_as_a_whole() -> None:
    before: Any = 1
    after: Any = 2
    for _ in range(200):
        before, after = [before], [after]

    (change,) = diff(before, after)
    assert change.path == "$" + "[0]" * 30
