"""The keys by which an event finds the waits that it may end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_engine.expressions import WaitKey, compile_expression, incoming_key, wait_key

OWN: dict[str, object] = {
    "name": "shop/ordered",
    "ts": 5,
    "data": {
        "id": "u1",
        "number": 7,
        "same": 7.0,
        "text": "7",
        "yes": True,
        "null": None,
        "list": [1],
        "map": {"a": 1},
        "items": [{"id": "first"}],
        "nul": "a\x00b",
        "half": "\ud800",
        "long": "x" * 3_000_000,
        "longer": "x" * 3_000_001,
    },
}
ABSENT = WaitKey()


def key_of(text: str) -> WaitKey:
    return wait_key(compile_expression(text), lambda: OWN)


@pytest.mark.parametrize(
    ("text", "path", "key"),
    [
        ("event.data.id == async.data.id", [["data", "id"]], '["su1"]'),
        ("async.data.id == event.data.id", [["data", "id"]], '["su1"]'),
        ("async.data.items[0].id == event.data.items[0].id", [["data", "items", 0, "id"]], '["sfirst"]'),
        ("async.data['a-b'] == 'x'", [["data", "a-b"]], '["sx"]'),
        ("async.data.gone == null", [["data", "gone"]], '["=None"]'),
        ("async.data.gone == event.data.gone", [["data", "gone"]], '["=None"]'),
        ("async.data.x == event.data.yes", [["data", "x"]], '["=True"]'),
        ("async.data.id == event.data.id && async.data.n > 3", [["data", "id"]], '["su1"]'),
        ("async.data.n > 3 && (has(async.data.id) && async.data.id == 'u1')", [["data", "id"]], '["su1"]'),
        # What comes from the run's own event stands first; all equalities make the key together.
        ("async.data.kind == 1 && async.data.id == event.data.id", [["data", "id"], ["data", "kind"]], None),
        # A value that has no key leaves the others.
        ("async.data.l == event.data.list && async.data.id == event.data.id", [["data", "id"]], '["su1"]'),
        ("async.ts == event.ts", [["ts"]], '["n5"]'),
        ("async == null", [[]], '["=None"]'),
    ],
)
def test_a_wait_is_kept_under_the_equalities_of_its_expression(
    text: str, path: list[list[str | int]], key: str | None
) -> None:
    found = key_of(text)
    assert json.loads(found.match_path) == path
    assert key is None or found.match_key == key


@pytest.mark.parametrize(
    "text",
    [
        "async.data.id != event.data.id",
        "!(async.data.id == event.data.id)",
        "async.data.id == 'u1' || async.data.id == event.data.id",
        "async.data.id == 'u1' ? true : false",
        "has(async.data.id)",
        "async.data.list.exists(i, i == event.data.id)",
        "async.data.list.exists(async, async == 1)",
        "async.data.id == async.data.other",
        "event.data.id == 'u1'",
        "async.data.id == vars.id",
        "async.data.id == event.data.id + ''",
        "async.data.list == event.data.list",
        "async.data.map == event.data.map",
        "async == event",
        "async.data.list == [1]",
        "true",
    ],
)
def test_a_wait_whose_expression_needs_no_known_value_is_kept_under_no_key(text: str) -> None:
    assert key_of(text) == ABSENT


def test_a_wait_without_an_expression_is_met_by_every_event() -> None:
    assert wait_key(None, lambda: OWN) == ABSENT
    assert incoming_key("", {"data": {}}) == ""


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("async.data.id == 'u1'", 0),
        ("async.data.id != event.data.id", 0),
        ("async.a == event.data.id && async.b == event.data.text", 1),
    ],
)
def test_the_event_of_a_run_is_loaded_once_and_only_where_it_is_compared(text: str, loads: int) -> None:
    loaded = []

    def load() -> dict[str, object]:
        loaded.append(1)
        return OWN

    wait_key(compile_expression(text), load)
    assert len(loaded) == loads


@pytest.mark.parametrize(
    ("field", "found_by", "missed_by"),
    [
        ("number", [7, 7.0], ["7", True, None, 8, [7]]),
        ("same", [7, 7.0], ["7", 7.5]),
        ("text", ["7"], [7, "07", "7 "]),
        ("yes", [True], [1, "true", False, None]),
        ("null", [None], [False, 0, "", "null", "None", []]),
        ("gone", [None], [False, 0, "", {}]),
        ("nul", ["a\x00b"], ["a", "ab", "a\x00c", "a\\u0000b"]),
        ("half", ["\ud800"], ["\ud801", "?", "\\ud800"]),
        ("long", ["x" * 3_000_000], ["x" * 2_999_999, "x"]),
    ],
)
def test_an_event_finds_exactly_the_waits_for_its_value(
    field: str, found_by: list[object], missed_by: list[object]
) -> None:
    path, key = key_of(f"async.data.x == event.data.{field}")
    assert all(incoming_key(path, {"data": {"x": value}}) == key for value in found_by)
    assert all(incoming_key(path, {"data": {"x": value}}) != key for value in missed_by)
    assert incoming_key(path, {"data": []}) == incoming_key(path, {}) == incoming_key(path, {"data": {}})


def test_a_list_or_a_map_in_an_event_finds_no_wait() -> None:
    path, _ = key_of("async.data.x == event.data.id && async.data.y == 1")
    assert incoming_key(path, {"data": {"x": ["u1"], "y": 1}}) is None
    assert incoming_key(path, {"data": {"x": "u1", "y": {}}}) is None


def test_a_key_is_short_and_plain_whatever_the_values() -> None:
    keys = {
        key_of(f"async.data.x == event.data.{name}").match_key for name in ("long", "longer", "nul", "half")
    }
    assert len(keys) == 4
    assert all(len(key) <= 200 and key.isascii() and key.isprintable() for key in keys)
    many = " && ".join(f"async.data.x{number} == event.data.long" for number in range(50))
    path, key = key_of(many)
    assert len(json.loads(path)) == 8
    assert len(key) <= 200
    assert key_of("async['\u00e9\\u0000'] == 1").match_path == '[["\\u00e9\\u0000"]]'


VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        1.0,
        -0.0,
        1.5,
        2**63,
        10**400,
        "",
        "1",
        "a",
        "\x00",
        "\ud800",
        [],
        [1],
        {"a": 1},
    ]
)
MAPS = st.dictionaries(st.sampled_from("abc"), VALUES)
SIDES = st.sampled_from(
    [
        *[
            "event.a",
            "event.b",
            "event.c[0]",
            "async.a",
            "async.b",
            "async.c.a",
            "async.c[0]",
            "async",
            "event",
        ],
        *["1", "1.0", "'1'", "'a'", "''", "null", "true", "0", "[]", "-0.0", "'\\u0000'", "vars.a"],
    ]
)
EQUALITIES = st.tuples(SIDES, SIDES).map(" == ".join)
CLAUSES = st.one_of(
    EQUALITIES,
    EQUALITIES,
    EQUALITIES.map("!({})".format),
    st.tuples(EQUALITIES, EQUALITIES).map(lambda two: f"({two[0]} || {two[1]})"),
    st.tuples(EQUALITIES, EQUALITIES).map(lambda two: f"({two[0]} && {two[1]})"),
    st.sampled_from(["has(async.a)", "async.a != event.a", "async.c.exists(i, i == event.a)", "async.a > 0"]),
)


@settings(deadline=None, max_examples=400)
@given(st.lists(CLAUSES, min_size=1, max_size=3).map(" && ".join), MAPS, MAPS)
def test_an_event_that_makes_an_expression_true_finds_it(
    text: str, own: dict[str, object], incoming: dict[str, object]
) -> None:
    expression = compile_expression(text)
    path, key = wait_key(expression, lambda: own)
    if expression.matches({"event": own, "async": incoming}, now_ms=0):
        assert incoming_key(path, incoming) == key
