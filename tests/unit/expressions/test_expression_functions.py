"""Every function: its value, and null where it has none."""

from __future__ import annotations

import base64

import pytest

from durable_engine.expressions import compile_expression
from durable_engine.expressions.functions import FUNCTIONS

SCOPE: dict[str, object] = {
    "event": {
        "ts": 1_700_000_000_000,
        "data": {
            "s": "Hello",
            "n": 42,
            "f": 1.9,
            "list": ["a", 1, None],
            "map": {"k": 1},
            "json": '{"a": [1, {"b": null}]}',
            "b64": base64.b64encode("h\u00e9".encode()).decode(),
            "umlaut": "\u00c4\u00e9x",
            "when": "2024-03-05T06:07:08.009Z",
            "huge": 10**400,
            "surrogate": "\ud800",
            "digits": "9" * 5_000,
            "yes": True,
        },
    }
}
NOW_MS = 1_700_000_000_000

CASES: dict[str, list[tuple[str, object]]] = {
    "size": [
        ("size(event.data.s)", 5),
        ("event.data.list.size()", 3),
        ("size({'a': 1})", 1),
        ("size('\U0001f600')", 1),
        ("size(5)", None),
        ("size(event.data.gone)", None),
    ],
    "startsWith": [("event.data.s.startsWith('He')", True), ("'a'.startsWith(1)", None)],
    "endsWith": [("event.data.s.endsWith('lo')", True), ("(5).endsWith('x')", None)],
    "contains": [
        ("event.data.s.contains('ell')", True),
        ("event.data.s.contains('')", True),
        ("contains(event.data.s, 'z')", False),
        ("event.data.gone.contains('x')", None),
        ("event.data.list.contains('a')", None),
    ],
    "matches": [
        ("event.data.s.matches('^H.*o$')", True),
        ("event.data.s.matches('ell')", True),
        (r"matches('a1', r'\d$')", True),
        ("event.data.s.matches('^ell')", False),
        ("event.data.gone.matches('x')", False),
        ("'('.matches(event.data.s + '(')", False),
        ("'a'.matches('x' + event.data.digits)", False),
        ("event.data.surrogate.matches('x')", False),
        ("'x'.matches(event.data.surrogate)", False),
        ("'x'.matches(1)", False),
    ],
    "lowerAscii": [("event.data.umlaut.lowerAscii()", "\u00c4\u00e9x"), ("'AbZ'.lowerAscii()", "abz")],
    "upperAscii": [("event.data.umlaut.upperAscii()", "\u00c4\u00e9X"), ("upperAscii(1)", None)],
    "lowercase": [("lowercase(event.data.umlaut)", "\u00e4\u00e9x"), ("lowercase(null)", None)],
    "uppercase": [("uppercase(event.data.umlaut)", "\u00c4\u00c9X")],
    "trim": [("' \\n a b\\t'.trim()", "a b")],
    "split": [
        ("'a,b,,c'.split(',')", ["a", "b", "", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("'a,b'.split(',', 0)", []),
        ("'a,b'.split(',', 9)", ["a", "b"]),
        ("'abc'.split('')", ["a", "b", "c"]),
        ("'abc'.split('', 2)", ["a", "bc"]),
        ("'abc'.split('', 9)", ["a", "b", "c"]),
        ("''.split(',')", [""]),
        ("'a'.split(1)", None),
        ("'a'.split(',', 'x')", None),
    ],
    "join": [
        ("['a', 'b'].join('-')", "a-b"),
        ("event.data.list.join(',')", "a,1,"),
        ("['a', 'b'].join()", "ab"),
        ("[].join(',')", ""),
        ("'a'.join(',')", None),
        ("['a'].join(1)", None),
    ],
    "replace": [
        ("'aXbXc'.replace('X', '-')", "a-b-c"),
        ("'aXbXc'.replace('X', '-', 1)", "a-bXc"),
        ("'aXbXc'.replace('X', '-', 0)", "aXbXc"),
        ("'ab'.replace('', '-')", "-a-b-"),
        ("'ab'.replace('a', 1)", None),
        ("'ab'.replace('a', 'b', true)", None),
        ("'ab'.replace('a', 'b', 1.5)", None),
    ],
    "substring": [
        ("event.data.s.substring(1)", "ello"),
        ("event.data.s.substring(1, 3)", "el"),
        ("event.data.s.substring(5)", ""),
        ("event.data.s.substring(6)", None),
        ("event.data.s.substring(3, 1)", None),
        ("event.data.s.substring(-1)", None),
        ("event.data.s.substring(1.0, 3.0)", "el"),
    ],
    "charAt": [("'ab'.charAt(1)", "b"), ("'ab'.charAt(2)", ""), ("'ab'.charAt(3)", None)],
    "indexOf": [
        ("'abcabc'.indexOf('b')", 1),
        ("'abcabc'.indexOf('b', 2)", 4),
        ("'abcabc'.indexOf('z')", -1),
        ("'abc'.indexOf('a', 4)", None),
        ("'abc'.indexOf(1)", None),
    ],
    "lastIndexOf": [("'abcabc'.lastIndexOf('b')", 4), ("'abc'.lastIndexOf('z')", -1)],
    "b64decode": [
        ("b64decode(event.data.b64)", "h\u00e9"),
        ("b64decode('%%%')", None),
        ("b64decode('YQ')", None),
        ("b64decode('/w==')", None),
        ("b64decode(1)", None),
    ],
    "json_parse": [
        ("json_parse(event.data.json).a[0]", 1),
        ("json_parse('{\"a\": 1}')", {"a": 1}),
        ("json_parse('{')", None),
        ("json_parse('NaN')", None),
        ("json_parse('-Infinity')", None),
        ("json_parse('1e999')", None),
        ("json_parse('1.5')", 1.5),
        ("json_parse(event.data.digits)", None),
    ],
    "string": [
        ("string(event.data.n)", "42"),
        ("string(42.0)", "42"),
        ("string(true)", "true"),
        ("string(event.data.map)", '{"k":1}'),
        ("string(timestamp('2024-01-01T00:00:00.5Z'))", "2024-01-01T00:00:00.5Z"),
        ("string(null)", None),
        ("string(event.data.huge) == ''", False),
    ],
    "int": [
        ("int('42')", 42),
        ("int('-7')", -7),
        ("int(event.data.f)", 1),
        ("int(-1.9)", -1),
        ("int(timestamp('1970-01-01T00:01:00Z'))", 60),
        ("int('4.2')", None),
        ("int('')", None),
        ("int('x')", None),
        ("int(true)", None),
        ("int(event.data.huge)", None),
        ("int(event.data.digits)", None),
        ("int(1e300)", None),
        ("int([])", None),
    ],
    "uint": [("uint(7.9)", 7), ("uint(-1)", None)],
    "double": [
        ("double('1.5')", 1.5),
        ("double(2)", 2.0),
        ("double('-1e3')", -1000.0),
        ("double('inf')", None),
        ("double('nan')", None),
        ("double('1e999')", None),
        ("double('1_0')", None),
        ("double(true)", None),
        ("double(event.data.huge)", None),
    ],
    "bool": [
        ("bool('true')", True),
        ("bool('F')", False),
        ("bool(event.data.yes)", True),
        ("bool('yes')", None),
        ("bool(1)", None),
    ],
    "dyn": [("dyn(event.data.n)", 42)],
    "now": [("now()", "2023-11-14T22:13:20Z"), ("now() == date(event.ts)", True)],
    "now_plus": [
        ("now_plus('1h')", "2023-11-14T23:13:20Z"),
        ("now_plus(duration('1d'))", "2023-11-15T22:13:20Z"),
        ("now_plus(event.data.s)", None),
        ("now_plus(60)", None),
    ],
    "now_minus": [("now_minus('20s')", "2023-11-14T22:13:00Z"), ("date(event.ts) > now_minus('1m')", True)],
    "duration": [
        ("duration('1h30m')", "5400s"),
        ("duration('-1.5s')", "-1.5s"),
        ("duration('1h') > duration('59m')", True),
        ("duration(event.data.s)", None),
        ("duration('100000d') + duration('100000d')", "17280000000s"),
    ],
    "timestamp": [
        ("timestamp(event.data.when)", "2024-03-05T06:07:08.009Z"),
        ("timestamp(timestamp(event.data.when))", "2024-03-05T06:07:08.009Z"),
        ("timestamp(60)", "1970-01-01T00:01:00Z"),
        ("timestamp(1.5)", "1970-01-01T00:00:01.5Z"),
        ("timestamp('0001-01-01T00:00:00Z')", "0001-01-01T00:00:00Z"),
        ("timestamp(event.ts)", None),
        ("timestamp(event.data.s)", None),
        ("timestamp(true)", None),
        ("timestamp(event.data.huge)", None),
    ],
    "date": [
        ("date('2024-03-05')", "2024-03-05T00:00:00Z"),
        ("date(event.data.when) == timestamp(event.data.when)", True),
        ("date(date('2024-03-05'))", "2024-03-05T00:00:00Z"),
        ("date(event.ts)", "2023-11-14T22:13:20Z"),
        ("date(event.data.s)", None),
        ("date('Tue, 05 Mar 2024 06:07:08 GMT')", "2024-03-05T06:07:08Z"),
    ],
    "getFullYear": [("date(event.data.when).getFullYear()", 2024), ("getFullYear('2024')", None)],
    "getMonth": [("date(event.data.when).getMonth()", 2)],
    "getDate": [("date(event.data.when).getDate()", 5)],
    "getDayOfMonth": [("date(event.data.when).getDayOfMonth()", 4)],
    "getDayOfWeek": [("date('2024-03-03').getDayOfWeek()", 0)],
    "getDayOfYear": [("date('2024-01-01').getDayOfYear()", 0)],
    "getHours": [
        ("date(event.data.when).getHours()", 6),
        ("date(event.data.when).getHours('America/New_York')", 1),
        ("date(event.data.when).getHours('+05:30')", 11),
        ("date(event.data.when).getHours('-02:00')", 4),
        ("date(event.data.when).getHours('02:00')", 8),
        ("date(event.data.when).getHours('99:00')", None),
        ("date(event.data.when).getHours('a:bc')", None),
        ("date(event.data.when).getHours('Nowhere/Else')", None),
        ("date(event.data.when).getHours('/etc/passwd')", None),
        ("date(event.data.when).getHours('')", None),
        ("date(event.data.when).getHours(event.data.digits)", None),
        ("date(event.data.when).getHours('America')", None),
        ("date('0001-01-01').getHours('-02:00')", None),
        ("duration('25h').getHours()", 25),
    ],
    "getMinutes": [("date(event.data.when).getMinutes()", 7), ("duration('90s').getMinutes()", 1)],
    "getSeconds": [("date(event.data.when).getSeconds()", 8), ("duration('-90s').getSeconds()", -90)],
    "getMilliseconds": [
        ("date(event.data.when).getMilliseconds()", 9),
        ("duration('1.25s').getMilliseconds()", 250),
    ],
}


@pytest.mark.parametrize(("text", "expected"), [case for cases in CASES.values() for case in cases])
def test_a_function_gives_its_value_or_null(text: str, expected: object) -> None:
    actual = compile_expression(text).evaluate(SCOPE, now_ms=NOW_MS)
    assert actual == expected
    assert type(actual) is type(expected)


def test_every_function_is_tested() -> None:
    assert set(CASES) == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timestamp('2024-01-01T00:00:00Z') + duration('5m')", "2024-01-01T00:05:00Z"),
        ("duration('5m') + timestamp('2024-01-01T00:00:00Z')", "2024-01-01T00:05:00Z"),
        ("timestamp('2024-01-01T00:00:00Z') - duration('1s')", "2023-12-31T23:59:59Z"),
        ("date('2024-01-02') - date('2024-01-01')", "86400s"),
        ("duration('5m') - duration('6m')", "-60s"),
        ("duration('5m') + duration('30s')", "330s"),
        ("-duration('5m')", "-300s"),
        ("duration('5m') - date('2024-01-01')", None),
        ("date('2024-01-01') + date('2024-01-01')", None),
        ("date('2024-01-01') + 5", None),
        ("date('9999-12-31') + duration('1d')", None),
        (" + ".join(["duration('100000d')"] * 40), None),
        ("date('0001-01-01') - duration('1ns')", None),
        ("date('2024-01-01') == '2024-01-01T00:00:00Z'", False),
        ("date('2024-01-01') < '2024-01-02'", False),
        ("date('2024-01-01') < date('2024-01-02')", True),
        ("date('2024-01-01') in [timestamp('2024-01-01T00:00:00Z')]", True),
        ("[now(), duration('1s')]", ["2023-11-14T22:13:20Z", "1s"]),
        ("{'at': now()}", {"at": "2023-11-14T22:13:20Z"}),
        ("now() ? 1 : 2", 1),
    ],
)
def test_instants_and_spans_calculate_and_compare_and_leave_as_text(text: str, expected: object) -> None:
    assert compile_expression(text).evaluate(SCOPE, now_ms=NOW_MS) == expected


def test_time_comes_from_the_caller_only() -> None:
    expression = compile_expression("now() > timestamp('2024-01-01T00:00:00Z')")
    assert [expression.matches({}, now_ms=ms) for ms in (NOW_MS, NOW_MS + 86_400_000 * 60)] == [False, True]


def test_a_time_outside_the_years_of_cel_is_null() -> None:
    assert compile_expression("now()").evaluate({}, now_ms=10**18) is None
