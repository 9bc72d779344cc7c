"""Macros over lists and maps."""

from __future__ import annotations

import pytest

from durable_engine.expressions import compile_expression

SCOPE: dict[str, object] = {
    "event": {
        "data": {
            "items": [{"id": 1, "tags": ["x"]}, {"id": 2, "tags": ["x", "y"]}, {"id": 3}],
            "map": {"a": 1, "b": 2},
            "wanted": 2,
            "none": [],
        }
    }
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.items.exists(i, i.id == 2)", True),
        ("event.data.items.exists(i, i.id == 9)", False),
        ("event.data.none.exists(i, true)", False),
        ("event.data.items.all(i, i.id > 0)", True),
        ("event.data.items.all(i, i.id > 1)", False),
        ("event.data.none.all(i, false)", True),
        ("event.data.items.exists_one(i, i.id == 2)", True),
        ("event.data.items.exists_one(i, i.id > 1)", False),
        ("event.data.items.existsOne(i, i.id == 2)", True),
        ("event.data.items.filter(i, i.id > 1).map(i, i.id)", [2, 3]),
        ("event.data.items.map(i, i.id * 2)", [2, 4, 6]),
        ("event.data.items.map(i, i.id > 1, i.id)", [2, 3]),
        ("event.data.map.map(k, k)", ["a", "b"]),
        ("event.data.map.exists(k, event.data.map[k] == 2)", True),
        ("event.data.items.exists(i, i.id == event.data.wanted)", True),
        ("event.data.items.exists(i, i.tags.exists(t, t == 'y'))", True),
        ("event.data.items.map(i, i.tags.map(i, i + '!'))", [["x!"], ["x!", "y!"], None]),
        ("event.data.items.map(i, i.tags.map(t, t + i.id))", [["x1"], ["x2", "y2"], None]),
        ("event.data.items.map(a, event.data.items.filter(b, b.id < a.id).size())", [0, 1, 2]),
        ("event.data.items.exists(event, event.id == 1) && event.data.wanted == 2", True),
        ("[1, 2].map(x, x).map(y, y + 1)", [2, 3]),
        ("event.data.items.exists(i, has(i.tags) && i.id == 2)", True),
        ("event.data.items.map(i, has(i.tags))", [True, True, False]),
        ("[3].exists(x, x)", True),
        ("[0, ''].exists(x, x)", False),
    ],
)
def test_a_macro_runs_its_body_for_each_element(text: str, expected: object) -> None:
    assert compile_expression(text).evaluate(SCOPE, now_ms=0) == expected


@pytest.mark.parametrize("macro", ["all", "exists", "exists_one", "filter", "map"])
@pytest.mark.parametrize("source", ["event.data.gone", "event.data.wanted", "'text'", "null"])
def test_a_macro_over_neither_list_nor_map_is_null(macro: str, source: str) -> None:
    expression = compile_expression(f"({source}).{macro}(i, true)")
    assert expression.evaluate(SCOPE, now_ms=0) is None
    assert not expression.matches(SCOPE, now_ms=0)
