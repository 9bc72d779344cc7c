"""Nothing that an expression or an event holds can raise, hang or use up memory."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from durable_engine.errors import InvalidExpressionError
from durable_engine.expressions import Constant, compile_expression, explain_mismatch, frame, index_key
from durable_engine.expressions.frame import MAX_TEXT_VALUE
from durable_engine.expressions.functions import FUNCTIONS
from durable_engine.expressions.macros import MACROS
from durable_engine.expressions.parse import MAX_TEXT
from durable_engine.expressions.syntax import MAX_DEPTH

MEGABYTE = "a" * 1_000_000
BIG: dict[str, object] = {
    "event": {
        "data": {
            "s": MEGABYTE,
            "l": list(range(5_000)),
            "map": {str(number): number for number in range(50_000)},
            "escapes": "(" * 1_000,
        }
    }
}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, 1, 1.0, -1, 2**63, -(2**63), 2**53, 1e308, 5e-324])
    | st.text(max_size=20)
    | st.text(st.characters(codec=None), max_size=5)
    | st.sampled_from(["2024-01-01T00:00:00Z", "1h", "(", "a*", "12", "true", '{"a": 1}', "YQ=="])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcdi"), inner, max_size=4),
    max_leaves=12,
)
ATOMS = st.sampled_from(
    [
        *["event", "event.a", "event.b", "event.a.b", "event.i[0]", "async.a", "i", "null", "true", "false"],
        *["0", "1", "-2", "1.5", "9223372036854775807", "1e308", "''", "'a'", "'2024-01-01'", "[]", "{}"],
        *["now()", "duration('1h')", "date(event.a)", "'a*'"],
    ]
)
BINARY = ["==", "!=", "<", "<=", ">", ">=", "in", "&&", "||", "+", "-", "*", "/", "%"]


def composed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    calls = [
        st.tuples(*[inner] * count).map(lambda arguments, name=name: f"{name}({', '.join(arguments)})")
        for name, function in FUNCTIONS.items()
        for count in range(function.least, function.most + 1)
    ]
    return st.one_of(
        st.tuples(inner, st.sampled_from(BINARY), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(st.sampled_from("!-"), inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"(({parts[0]}) ? ({parts[1]}) : ({parts[2]}))"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]})[{parts[1]}]"),
        st.tuples(inner, inner).map(lambda parts: f"[{parts[0]}, {parts[1]}]"),
        st.tuples(inner, inner).map(lambda parts: f"{{{parts[0]}: {parts[1]}}}"),
        st.tuples(inner, st.sampled_from(sorted(MACROS)), inner).map(
            lambda parts: f"({parts[0]}).{parts[1]}(i, {parts[2]})"
        ),
        inner.map(lambda part: f"has(({part}).a)"),
        st.one_of(calls),
    )


EXPRESSIONS = st.recursive(ATOMS, composed, max_leaves=8)
WITH_I = frozenset({"event", "async", "i"})
FAST = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@FAST
@given(text=EXPRESSIONS, event=JSON, other=JSON, now_ms=st.integers(min_value=-(2**60), max_value=2**60))
def test_evaluating_any_json_gives_a_json_value_and_never_raises(
    text: str, event: object, other: object, now_ms: int
) -> None:
    try:
        expression = compile_expression(text, variables=WITH_I)
    except InvalidExpressionError:
        return  # a literal pattern or date that cannot be used
    scope = {"event": event, "async": other}
    value = expression.evaluate(scope, now_ms=now_ms)
    assert all(math.isfinite(number) for number in _floats(value))
    assert expression.matches(scope, now_ms=now_ms) in (True, False)
    explanation = explain_mismatch(expression, scope, now_ms=now_ms)
    assert (explanation is None) == expression.matches(scope, now_ms=now_ms)


@FAST
@given(text=st.text(max_size=60) | st.text("event.data()[]{}'\"\\!&|=<>+-*/%?:, \n1aux_", max_size=60))
@example(text="'\\" * 2_000)
@example(text='"' + "\\n" * 4_000)
@example(text="'''" + "\\x" * 4_000)
@example(text="r'" + "\\" * 8_000)
@example(text="/" * 8_000)
def test_any_text_either_compiles_or_is_refused_with_a_position_inside_it(text: str) -> None:
    position: int | None = 0
    try:
        compile_expression(text)
    except InvalidExpressionError as error:
        position = error.position
    assert position is not None
    assert 0 <= position <= len(text)


@FAST
@given(left=JSON, right=JSON)
def test_comparisons_agree_with_each_other(left: object, right: object) -> None:
    def holds(text: str) -> bool:
        return compile_expression(text).matches({"event": left, "async": right}, now_ms=0)

    assert holds("event == event")
    assert holds("event == async") == holds("async == event") == (not holds("event != async"))
    assert holds("event < async") == holds("async > event")
    assert holds("event <= async") == (
        holds("event < async") or (holds("event == async") and holds("async >= event"))
    )
    assert not (holds("event < async") and holds("event > async"))
    assert holds("event in [async]") == holds("event == async")


@FAST
@given(left=SCALARS, right=SCALARS)
def test_an_index_key_is_shared_exactly_by_equal_values(left: object, right: object) -> None:
    equal = compile_expression("event == async").matches({"event": left, "async": right}, now_ms=0)
    assert (index_key(left) == index_key(right)) == equal


@FAST
@given(event=JSON, other=JSON)
def test_whatever_matches_satisfies_its_equalities(event: object, other: object) -> None:
    expression = compile_expression("event.a == async.a && (async.b == 1 || true) && async.c == null")
    scope = {"event": event, "async": other}
    if not expression.matches(scope, now_ms=0):
        return
    for equality in expression.equalities():
        right = equality.right
        value = right.value if isinstance(right, Constant) else right.lookup(scope)
        assert index_key(equality.left.lookup(scope)) == index_key(value)


@pytest.mark.parametrize(
    "text",
    [
        "event.data.l.exists(a, event.data.l.exists(b, event.data.l.exists(c, a + b + c < 0)))",
        "event.data.l.map(i, event.data.s + string(i)).size() > 0",
        "event.data.l.all(i, string(event.data.map) != '')",
        "event.data.l.all(i, event.data.map == json_parse(string(event.data.map)))",
        "event.data.l.all(i, event.data.s.indexOf('aaab') < 0)",
        "event.data.s.lastIndexOf('b' + event.data.s.substring(0, 500000)) < 0",
        "event.data.l.all(i, event.data.s.matches('(a*)*$'))",
        "event.data.l.all(i, event.data.l.all(j, !'x'.matches('y' + string(i) + '-' + string(j))))",
        "event.data.s.replace('a', event.data.s) != ''",
        "event.data.s.replace('', event.data.s) != ''",
        "event.data.l.map(i, event.data.s).join(event.data.s) != ''",
        "string(event.data.l.map(i, event.data.s)) != ''",
        "('' + [" + ",".join(["event.data.s"] * 500) + "]) != ''",
        " + ".join(["event.data.s"] * 500) + " != ''",
        "event.data.s.split('').size() == 1000000",
        "event.data.l.all(i, event.data.l.all(j, b64decode(event.data.s) != ''))",
    ],
)
def test_work_without_end_has_no_value(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "MAX_WORK", 200_000)  # reached sooner, for the sake of the suite's time
    expression = compile_expression(text)
    assert expression.evaluate(BIG, now_ms=0) is None
    assert not expression.matches(BIG, now_ms=0)
    assert not compile_expression(f"!({text})").matches(BIG, now_ms=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(event.data.s + event.data.s).size()", 2_000_000),
        ("event.data.s == event.data.s + ''", True),
        ("event.data.s.matches('^(a|aa)+$')", True),
        ("event.data.s.matches('(a*)*b')", False),
        ("event.data.s.contains('ab')", False),
        ("event.data.s.split('a').size()", None),
        ("event.data.l.exists(i, i == 4999)", True),
        ("event.data.l.filter(i, i > 4997)", [4998, 4999]),
        ("event.data.l.exists(i, event.data.s.startsWith('b'))", False),
        ("event.data.map['49999']", 49_999),
        ("'x'.matches(event.data.escapes)", False),
        ("int(event.data.s)", None),
        ("double(event.data.s)", None),
        ("date(event.data.s)", None),
        ("timestamp(event.data.s)", None),
        ("duration(event.data.s)", None),
        ("now().getHours(event.data.s)", None),
    ],
)
def test_large_values_are_no_obstacle_to_ordinary_work(text: str, expected: object) -> None:
    assert compile_expression(text).evaluate(BIG, now_ms=0) == expected


def test_a_result_that_would_be_too_large_to_write_down_is_null() -> None:
    assert compile_expression("event.data.l.map(i, event.data.s)").evaluate(BIG, now_ms=0) is None
    assert compile_expression("[event.data.s, event.data.s]").evaluate(BIG, now_ms=0) == [MEGABYTE, MEGABYTE]


def test_a_text_value_is_bounded() -> None:
    scope = {"event": "a" * (MAX_TEXT_VALUE // 2 + 1)}
    assert compile_expression("event + event").evaluate(scope, now_ms=0) is None


@pytest.mark.parametrize(
    "text",
    [
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "!" * (MAX_TEXT - 1) + "1",
        "-" * (MAX_TEXT - 1) + "1",
        "[" * (MAX_TEXT // 2) + "]" * (MAX_TEXT // 2),
        "{1:" * 2_000 + "1" + "}" * 2_000,
        "size(" * 1_000 + "''" + ")" * 1_000,
        "true?1:" * 1_000 + "1",
        "1==" * 2_000 + "1",
        "event" + "[event.a" * 800 + "]" * 800,
        "event" + ".trim()" * 1_000,
        "1" + "+(1" * 1_500 + ")" * 1_500,
    ],
)
def test_nesting_beyond_the_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidExpressionError, match="nested more than 64 levels deep"):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    ["(" * MAX_TEXT, "[" * MAX_TEXT, "{" * MAX_TEXT, "f(" * (MAX_TEXT // 2), "a." * (MAX_TEXT // 2), ")" * 9],
)
def test_brackets_without_end_are_refused(text: str) -> None:
    with pytest.raises(InvalidExpressionError, match=r"ends where|not expected here"):
        compile_expression(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(" * 4_000 + "7" + ")" * 4_000, 7),
        ("+".join(["1"] * 4_000), 4_000),
        ("1" + "*1-1+1" * 1_300, 1),
        ("||".join(["event.data.x == 1"] * 400), False),
        ("&&".join(["true"] * 1_300), True),
        ("event" + ".a" * 4_000, None),
        ("event" + "['a']" * 1_600, None),
        ("event" + "[0]" * 2_700, None),
        ("[" + ",".join(["1"] * 4_000) + "].size()", 4_000),
        ("[" * 60 + "7" + "]" * 60 + "[0]" * 60, 7),
    ],
)
def test_length_without_nesting_is_no_obstacle(text: str, expected: object) -> None:
    assert compile_expression(text).evaluate({}, now_ms=0) == expected


def test_data_that_nests_beyond_recursion_has_no_value() -> None:
    deep: object = []
    for _ in range(100_000):
        deep = [deep]
    scope = {"event": deep, "async": [deep]}
    for text in ("event == async", "string(event)", "event in async", "[event]", "'' + event"):
        assert compile_expression(text).evaluate(scope, now_ms=0) is None
    assert json.dumps(compile_expression("size(event)").evaluate(scope, now_ms=0)) == "1"
    assert explain_mismatch(compile_expression("event == 1"), scope, now_ms=0) is not None
    nested_text = {"event": "[" * 100_000}
    assert compile_expression("json_parse(event)").evaluate(nested_text, now_ms=0) is None


def _floats(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _floats(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _floats(item)
