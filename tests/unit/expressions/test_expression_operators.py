"""What operators, literals and paths mean: Inngest's null, mixed numbers, text, truth."""

from __future__ import annotations

import math

import pytest

from durable_engine.expressions import as_text, compile_expression, is_truthy

SCOPE: dict[str, object] = {
    "event": {
        "name": "shop/order.placed",
        "ts": 1_700_000_000_000,
        "data": {
            "n": 42,
            "f": 1.5,
            "whole": 4.0,
            "s": "Hello",
            "empty": "",
            "null": None,
            "yes": True,
            "no": False,
            "zero": 0,
            "list": [10, 20, {"id": "a"}],
            "map": {"a-b": "dash", "1": "one", "if": "word", "true": "t"},
            "huge": 10**400,
        },
    },
    "async": {"data": {"n": 42, "s": "other"}},
}


def value_of(text: str) -> object:
    return compile_expression(text).evaluate(SCOPE, now_ms=0)


def same(actual: object, expected: object) -> bool:
    return type(actual) is type(expected) and actual == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.gone", None),
        ("event.data.gone.deeper", None),
        ("event.data.s.letter", None),
        ("event.data.list.id", None),
        ("event.data.list[3]", None),
        ("event.data.list[-1]", None),
        ("event.data.n[0]", None),
        ("event.data.map[null]", None),
        ("event.data.list['0']", None),
        ("vars.anything", None),
        ("steps", None),
        ("event.data.gone == null", True),
        ("event.data.null == null", True),
        ("event.data.gone == event.data.null", True),
        ("event.data.gone != null", False),
        ("event.data.gone == 'x'", False),
        ("event.data.gone != 'x'", True),
        ("event.data.gone == false", False),
        ("event.data.gone == 0", False),
        ("event.data.gone == ''", False),
        ("event.data.gone > 1", False),
        ("event.data.gone < 1", False),
        ("1 <= event.data.gone", False),
        ("event.data.gone >= event.data.null", False),
        ("!(event.data.gone > 1)", True),
        ("event.data.gone in [null]", True),
        ("1 in event.data.gone", False),
        ("!event.data.gone", True),
        ("event.data.gone + 1", None),
        ("event.data.gone + event.data.null", None),
        ("-event.data.gone", None),
        ("event.data.gone * 2", None),
        ("event.data.gone ? 1 : 2", 2),
    ],
)
def test_what_is_missing_is_null_and_null_is_only_equal_to_null(text: str, expected: object) -> None:
    assert same(value_of(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 == 1.0", True),
        ("event.data.n == 42.0", True),
        ("[1, 2.0] == [1.0, 2]", True),
        ("{'a': 1} == {'a': 1.0}", True),
        ("1 in [1.0]", True),
        ("0.5 < 1", True),
        ("2u == 2", True),
        ("0x2A == event.data.n", True),
        ("event.data.huge > 1.5", True),
        ("event.data.huge == event.data.huge", True),
        ("true == 1", False),
        ("false == 0", False),
        ("true in [1]", False),
        ("[true] == [1]", False),
        ("true > 0", False),
        ("true > false", True),
        ("true + 1", None),
        ("-true", None),
        ("'1' == 1", False),
        ("'2' > 1", False),
        ("1 + 1.5", 2.5),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7.0 / 2", 3.5),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("event.data.whole % 2", 0),
        ("1.5 % 2", None),
        ("'a' % 2", None),
        ("true % 2", None),
        ("1 / 0", None),
        ("1.0 / 0.0", None),
        ("1 % 0", None),
        ("'a' / 1", None),
        ("'a' * 2", None),
        ("'a' - 'b'", None),
        ("1e308 * 10.0", None),
        ("9223372036854775807 + 1", None),
        ("-9223372036854775808 - 1", None),
        ("-(-9223372036854775808)", None),
        ("event.data.huge + 1", None),
        ("event.data.huge + 1.5", None),
        ("event.data.huge / 7", None),
        ("2 + 3 * 4 - 10 / 5", 12),
        ("10 - 3 - 2", 5),
        ("(1 + 2) * 3", 9),
        ("2 - -3", 5),
        ("event.data.n-1", 41),
        ("--3", 3),
        ("-event.data.f", -1.5),
    ],
)
def test_numbers_mix_and_truth_is_no_number(text: str, expected: object) -> None:
    assert same(value_of(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'a' + 'b'", "ab"),
        ("'n-' + event.data.n", "n-42"),
        ("event.data.n + '-n'", "42-n"),
        ("'' + event.data.whole", "4"),
        ("'' + event.data.f", "1.5"),
        ("'' + 1e21", "1e+21"),
        ("'a' + event.data.gone + true + false", "atruefalse"),
        ("1 + 2 + 'x'", "3x"),
        ("'x' + 1 + 2", "x12"),
        ("'' + [1, 'b', null]", '[1,"b",null]'),
        ("'' + {'k': timestamp('2024-01-01T00:00:00Z')}", '{"k":"2024-01-01T00:00:00Z"}'),
        ("'' + duration('90s')", "90s"),
        ("[1] + [2, 'x']", [1, 2, "x"]),
        ("[1] + 2", None),
        ("'b' > 'a'", True),
        ("'a' >= 'a'", True),
        ("'Z' < 'a'", True),
        ("[1] < [2]", False),
    ],
)
def test_text_joins_with_anything(text: str, expected: object) -> None:
    assert same(value_of(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.s || false", True),
        ("event.data.empty || event.data.zero || event.data.null", False),
        ("event.data.list && event.data.map && 0.5", True),
        ("[] && {}", True),
        ("event.data.n && event.data.empty", False),
        ("!event.data.s", False),
        ("!!event.data.s", True),
        ("!0.0", True),
        ("event.data.empty ? 'full' : 'empty'", "empty"),
        ("event.data.list ? 'y' : 'n'", "y"),
        ("true ? (false ? 1 : 2) : 3", 2),
        ("false ? 1 : true ? 2 : 3", 2),
        ("1 > 2 || 2 > 1 && false", False),
        ("true || event.data.gone.x > 1", True),
        ("1 < 2 == true", True),
    ],
)
def test_logic_takes_any_value_and_gives_true_or_false(text: str, expected: object) -> None:
    assert same(value_of(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20 in event.data.list", True),
        ("{'id': 'a'} in event.data.list", True),
        ("'b' in event.data.list", False),
        ("'a-b' in event.data.map", True),
        ("1 in event.data.map", True),
        ("1.0 in event.data.map", True),
        ("1.5 in event.data.map", False),
        ("null in event.data.map", False),
        ("'ell' in event.data.s", False),
        ("has(event.data.s)", True),
        ("has(event.data.null)", True),
        ("has(event.data.gone)", False),
        ("has(event.data.gone.deeper)", False),
        ("has(event.data.s.letter)", False),
        ("has(event.data['a'])", False),
        ("has(event.data.list[2])", True),
        ("has(event.data.list[3])", False),
        ("has(event.data.map[1])", True),
    ],
)
def test_membership_looks_at_elements_and_keys(text: str, expected: object) -> None:
    assert same(value_of(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data['map']['a-b']", "dash"),
        ("event.data.map.if", "word"),
        ("event.data.map.true", "t"),
        ("event.data.map[1]", "one"),
        ("event.data.map[1.0]", "one"),
        ("event.data.map[event.data.yes]", "t"),
        ("event.data['ma' + 'p'].if", "word"),
        ("event.data.list[2].id", "a"),
        ("event.data.list[1 + 1]['id']", "a"),
        ("event.data.list[event.data.whole - 3.0]", 20),
        ("event.data.list[0.5]", None),
        ("event.data.list[true]", None),
        (".event.name", "shop/order.placed"),
        (".size(event.name)", 17),
        ("[1, 2, 3][1]", 2),
        ("{'a': {'b': 7}}.a.b", 7),
        ("(event.data).n", 42),
        ("[]", []),
        ("{}", {}),
        ("{'a': 1, 2: [true], 1.0: null, false: 0}", {"a": 1, "2": [True], "1": None, "false": 0}),
        ("{null: 1}", None),
        ("{[1]: 1}", None),
        ("event // all of it\n.data.n", 42),
    ],
)
def test_keys_and_indices_lead_to_values(text: str, expected: object) -> None:
    assert same(value_of(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\"double 'in' side\"", "double 'in' side"),
        (r"'a\n\t\\\'\"\?\`\a\b\f\r\v'", "a\n\t\\'\"?`\a\b\f\r\v"),
        (r"'\x41\u00e9\U0001F600\101'", "A\u00e9\U0001f600A"),
        (r"r'\d+\'", "\\d+\\"),
        (r'R"\n"', "\\n"),
        ("'''two\nlines 'quoted' '''", "two\nlines 'quoted' "),
        ('"""a "b" c"""', 'a "b" c'),
        (r'"""\x41"""', "A"),
        (r"r'''\x41'''", "\\x41"),
        ("''", ""),
        ("'\u00fcml\u00e4ut \U0001f600'", "\u00fcml\u00e4ut \U0001f600"),
        ("-0x1F", -31),
        ("18446744073709551615u", 2**64 - 1),
        ("1.", 1.0),
        (".5e1", 5.0),
        ("1e-3", 0.001),
        ("true", True),
        ("null", None),
        ("000000000000000000000000007", 7),
    ],
)
def test_literals_are_those_of_cel(text: str, expected: object) -> None:
    assert same(value_of(text), expected)


@pytest.mark.parametrize(
    ("value", "truthy"),
    [
        (None, False),
        (False, False),
        (0, False),
        (0.0, False),
        (-0.0, False),
        (math.nan, False),
        ("", False),
        (True, True),
        (1, True),
        (-0.5, True),
        ("false", True),
        ([], True),
        ({}, True),
    ],
)
def test_what_counts_as_true_is_as_in_javascript(value: object, truthy: bool) -> None:  # noqa: FBT001
    assert is_truthy(value) is truthy


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (42, "42"),
        (42.0, "42"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        ("x", "x"),
        (["\u00e9", 1], '["\u00e9",1]'),
    ],
)
def test_the_text_of_a_value_is_that_of_keys(value: object, text: str) -> None:
    assert as_text(value) == text


def test_a_list_never_holds_a_number_that_json_cannot() -> None:
    assert compile_expression("[event, 1]").evaluate({"event": math.inf}, now_ms=0) == [None, 1]


def test_a_match_is_a_value_that_counts_as_true() -> None:
    assert compile_expression("event.data.s").matches(SCOPE, now_ms=0)
    assert not compile_expression("event.data.zero").matches(SCOPE, now_ms=0)
