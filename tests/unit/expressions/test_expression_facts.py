"""What can be said about an expression: the equalities it needs, and why it does not match."""

from __future__ import annotations

import math

import pytest

from durable_engine.expressions import (
    Constant,
    Equality,
    Path,
    compile_expression,
    explain_mismatch,
    index_key,
)

SCOPE: dict[str, object] = {
    "event": {
        "name": "shop/order.placed",
        "data": {
            "id": "u1",
            "amount": 42,
            "ok": True,
            "off": False,
            "null": None,
            "tags": ["a", "b"],
            "long": "x" * 500,
            "many": list(range(1_000)),
            "a-b": 1,
            "quote": 'say "hi"\n',
            "surrogate": "\ud800",
        },
    },
    "async": {"data": {"id": "u2"}},
}


@pytest.mark.parametrize(
    ("text", "equalities"),
    [
        (
            "event.data.id == async.data.id",
            [Equality(Path("async", ("data", "id")), Path("event", ("data", "id")))],
        ),
        (
            "async.data.id == event.data.id",
            [Equality(Path("async", ("data", "id")), Path("event", ("data", "id")))],
        ),
        ("'x' == async.data['a-b']", [Equality(Path("async", ("data", "a-b")), Constant("x"))]),
        ("event.data.items[0].n == -5", [Equality(Path("event", ("data", "items", 0, "n")), Constant(-5))]),
        ("async.data.gone == null", [Equality(Path("async", ("data", "gone")), Constant(None))]),
        ("async.a == async.b", [Equality(Path("async", ("a",)), Path("async", ("b",)))]),
        ("event == async", [Equality(Path("async"), Path("event"))]),
        (
            "async.a == 1 && (async.b == 2.5 && async.c == true) && async.d > 1",
            [
                Equality(Path("async", ("a",)), Constant(1)),
                Equality(Path("async", ("b",)), Constant(2.5)),
                Equality(Path("async", ("c",)), Constant(True)),  # noqa: FBT003
            ],
        ),
        ("async.a == 1 || async.b == 2", []),
        ("async.a == 1 && (async.b == 1 || async.c == 1)", [Equality(Path("async", ("a",)), Constant(1))]),
        ("!(async.a == 1)", []),
        ("async.a != 1", []),
        ("1 == 1", []),
        ("async.a == event.b + 1", []),
        ("async.a[event.b] == 1", []),
        ("async.items.exists(async, async.a == 1)", []),
        ("async.a == 1 ? true : false", []),
    ],
)
def test_the_equalities_at_the_top_are_known_with_async_on_the_left(
    text: str, equalities: list[Equality]
) -> None:
    assert list(compile_expression(text).equalities()) == equalities


def test_a_path_reads_as_it_is_written_and_finds_its_value() -> None:
    path = Path("event", ("data", "a-b"))
    assert str(path) == 'event.data["a-b"]'
    assert str(Path("event", ("data", "tags", 1))) == "event.data.tags[1]"
    assert path.lookup(SCOPE) == 1
    assert path.is_present(SCOPE)
    assert not Path("event", ("data", "gone")).is_present(SCOPE)
    assert not Path("vars").is_present(SCOPE)


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, 1.0), (-3, -3.0), (0, -0.0), (10**400, 10**400), ("a", "a"), (None, None), (True, True)],
)
def test_equal_values_share_their_index_key(left: object, right: object) -> None:
    assert index_key(left) == index_key(right) is not None


def test_different_values_have_different_index_keys() -> None:
    values = [None, True, False, 0, 1, -1, 1.5, 1e300, 16, "", "1", "True", "None", "n1", "=None", math.inf]
    assert len({index_key(value) for value in values}) == len(values)


@pytest.mark.parametrize("value", [[], {}, [1], math.nan])
def test_what_cannot_be_looked_up_has_no_index_key(value: object) -> None:
    assert index_key(value) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("event.data.amount > 100", "event.data.amount > 100 is false: event.data.amount is 42"),
        (
            "event.data.id == async.data.id",
            'event.data.id == async.data.id is false: event.data.id is "u1", async.data.id is "u2"',
        ),
        (
            "event.data.ok && event.data.amount  ==\n 43 && event.data.off",
            "event.data.amount == 43 is false: event.data.amount is 42",
        ),
        (
            "event.data.ok && (event.data.ok && event.data.gone == 'x')",
            "event.data.gone == 'x' is false: event.data.gone is missing",
        ),
        (
            "event.data.null == 'x'",
            "event.data.null == 'x' is false: event.data.null is null",
        ),
        ("vars.x == 1", "vars.x == 1 is false: vars.x is missing"),
        (
            "event.data.amount == '42'",
            (
                "event.data.amount == '42' is false: event.data.amount is 42 "
                "(a number is never equal to a string)"
            ),
        ),
        (
            "event.data.id > 3",
            'event.data.id > 3 is false: event.data.id is "u1" (a string is never above or below a number)',
        ),
        (
            "event.data.ok == 1",
            (
                "event.data.ok == 1 is false: event.data.ok is true "
                "(a true/false value is never equal to a number)"
            ),
        ),
        (
            "event.data.amount == 1 || event.data.id == 'x' || event.data.amount == 2",
            (
                "event.data.amount == 1 || event.data.id == 'x' || event.data.amount == 2 is false: "
                'event.data.amount is 42, event.data.id is "u1"'
            ),
        ),
        ("event.data.off", "event.data.off is false, which counts as false"),
        ("event.data.gone", "event.data.gone is missing, which counts as false"),
        ("!event.data.ok", "!event.data.ok is false: event.data.ok is true"),
        (
            "event.data.id.startsWith('x')",
            "event.data.id.startsWith('x') is false: event.data.id is \"u1\"",
        ),
        ("has(event.data.gone)", "has(event.data.gone) is false: event.data.gone is missing"),
        (
            "event.data.tags.exists(t, t == 'z')",
            'event.data.tags.exists(t, t == \'z\') is false: event.data.tags is ["a", "b"]',
        ),
        (
            "event.data.gone.all(t, t)",
            "event.data.gone.all(t, t) is null, which counts as false: event.data.gone is missing",
        ),
        ("size(event.data.tags) > 2", "size(event.data.tags) > 2 is false: size(event.data.tags) is 2"),
        ("event.data.id in ['a', 'b']", "event.data.id in ['a', 'b'] is false: event.data.id is \"u1\""),
        ("'z' in event.data.tags", '\'z\' in event.data.tags is false: event.data.tags is ["a", "b"]'),
        (
            "event.data.ok ? event.data.off : true",
            "event.data.ok ? event.data.off : true is false: event.data.ok is true, event.data.off is false",
        ),
        (
            "event.data.amount - 42",
            "event.data.amount - 42 is 0, which counts as false: event.data.amount is 42",
        ),
        ("event.data['a-b'] == 2", "event.data['a-b'] == 2 is false: event.data['a-b'] is 1"),
        (
            "event.data.tags[event.data.amount] == 'a'",
            "event.data.tags[event.data.amount] == 'a' is false: event.data.tags[event.data.amount] is null",
        ),
        (
            "now() > date('2030-01-01')",
            (
                "now() > date('2030-01-01') is false: now() is 1970-01-01T00:00:00Z, "
                "date('2030-01-01') is 2030-01-01T00:00:00Z"
            ),
        ),
        ("1 > 2", "1 > 2 is false"),
        (
            "duration('1h') == 3600",
            (
                "duration('1h') == 3600 is false: duration('1h') is 3600s "
                "(a duration is never equal to a number)"
            ),
        ),
        ("false", "false is false"),
        (
            "event.data.quote == 'x'",
            'event.data.quote == \'x\' is false: event.data.quote is "say \\"hi\\"\\n"',
        ),
        (
            "event.data.surrogate == 'x'",
            "event.data.surrogate == 'x' is false: event.data.surrogate is \"\\ud800\"",
        ),
    ],
)
def test_the_first_false_clause_is_named_with_its_values(text: str, sentence: str) -> None:
    assert explain_mismatch(compile_expression(text), SCOPE, now_ms=0) == sentence


@pytest.mark.parametrize("text", ["event.data.ok", "event.data.amount > 1 && true", "event.data.tags"])
def test_a_match_needs_no_explanation(text: str) -> None:
    assert explain_mismatch(compile_expression(text), SCOPE, now_ms=0) is None


def test_long_values_and_clauses_are_cut() -> None:
    long_value = explain_mismatch(compile_expression("event.data.long == 'y'"), SCOPE, now_ms=0)
    assert long_value == f"event.data.long == 'y' is false: event.data.long is \"{'x' * 76}..."
    long_list = explain_mismatch(compile_expression("event.data.many == 1"), SCOPE, now_ms=0)
    assert long_list is not None
    assert len(long_list) < 250
    long_clause = explain_mismatch(compile_expression(f"event.data.id == '{'y' * 200}'"), SCOPE, now_ms=0)
    assert long_clause is not None
    assert long_clause.startswith("event.data.id == 'yyy")
    assert len(long_clause) < 150


def test_at_most_four_values_are_named() -> None:
    text = " || ".join(f"event.data.gone{number} == 1" for number in range(9))
    sentence = explain_mismatch(compile_expression(text), SCOPE, now_ms=0)
    assert sentence is not None
    assert sentence.count("is missing") == 4


def test_too_much_work_to_explain_is_said_so() -> None:
    expression = compile_expression(
        "event.data.many.exists(a, event.data.many.exists(b, event.data.many.exists(c, a + b + c < 0)))"
    )
    sentence = explain_mismatch(expression, SCOPE, now_ms=0)
    assert sentence is not None
    assert sentence.endswith("is not true; it takes too much work to say why")
