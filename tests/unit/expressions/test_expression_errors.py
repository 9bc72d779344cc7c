"""Expressions that do not compile: where the fault is, and what to write instead."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

from durable_engine.errors import ConfigError, InvalidExpressionError
from durable_engine.expressions import compile_expression
from durable_engine.expressions.grammar import load_parser
from durable_engine.expressions.parse import MAX_TEXT


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, "the expression is empty"),
        ("  \n", 0, "the expression is empty"),
        ("1 +", 3, "the expression ends where"),
        ("(1", 2, "the expression ends where"),
        ("event.", 6, "the expression ends where"),
        ("// only a comment", 17, "the expression ends where"),
        ("1 2", 2, "'2' at position 2 is not expected here"),
        ("'it''s'", 4, "is not expected here"),
        ("event..data", 6, "'.' at position 6 is not expected here"),
        ("[1, 2", 5, "the expression ends where"),
        ("[1,]", 3, "']' at position 3"),
        ("1 # 2", 2, "'#' at position 2 is not expected here"),
        ("event.data.x = 1", 13, "values are compared with =="),
        ("event.data.x === 1", 15, "values are compared with =="),
        ("event.data.x & 1", 13, "with &&"),
        ("event.data.x | 1", 13, "with ||"),
        ("event.data.x and true", 13, "'and' at position 13 is not expected here; write &&"),
        ("event.data.x or true", 13, "write ||"),
        ("event.data.x == 'abc", 16, "the string that starts here is never closed"),
        ('"abc', 0, "the string that starts here is never closed"),
        ("'a\nb'", 0, "the string that starts here is never closed"),
        ("'a\\'", 0, "the string that starts here is never closed"),
        ("`abc`", 0, "a string is written"),
        ("event inside", 6, "'inside' at position 6"),
        ("x" * 50 + " " + "y" * 50, 51, "'" + "y" * 40 + "' at position 51"),
    ],
)
def test_a_syntax_error_has_its_place(text: str, position: int, says: str) -> None:
    _assert_refused(text, position, says)


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("evnt.data.id", 0, "'evnt' at position 0 is not a variable; did you mean event?"),
        ("1 == asnyc.data.id", 5, "did you mean async?"),
        ("user_1234 == async.data.userId", 0, "known are async, event, events, output, steps, vars"),
        ("event.data.user-id == 1", 16, 'a key with a dash is written event.data["a-b"]'),
        ("event.data.x == undefined", 16, "write null"),
        ("event.data.x == None", 16, "write null"),
        ("True", 0, "write true"),
        ("true - zzz", 7, "known are"),
        ("-zzz", 1, "known are"),
        ("event.data.items.exists(item, itme.id == 1)", 30, "did you mean item?"),
        ("[1].exists(i, true) && i == 1", 23, "'i' at position 23 is not a variable"),
        ("trueish", 0, "'trueish' at position 0 is not a variable"),
        ("nullable", 0, "'nullable' at position 0 is not a variable"),
    ],
)
def test_an_unknown_variable_is_named_with_what_may_be_meant(text: str, position: int, says: str) -> None:
    _assert_refused(text, position, says)


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        (
            "event.data.s.startWith('a')",
            13,
            "'startWith' at position 13 is not a function; did you mean startsWith?",
        ),
        ("lower(event.data.s)", 0, "'lower' at position 0 is not a function"),
        ("qqqqq(1)", 0, "'qqqqq' at position 0 is not a function"),
        ("bytes('a')", 0, "bytes() at position 0 is not supported"),
        ("type(1)", 0, "type() at position 0 is not supported"),
        ("b'abc'", 0, "bytes at position 0 are not supported"),
        ("Thing{a: 1}", 5, "message construction at position 5 is not supported"),
        ("event.data{}", 10, "message construction at position 10 is not supported"),
        ("size()", 0, "size() at position 0 takes 1 argument, not 0"),
        ("now(1)", 0, "now() at position 0 takes no arguments, not 1"),
        ("'a'.startsWith()", 4, "startsWith() at position 4 takes 2 arguments, the receiver included, not 1"),
        ("'a'.split()", 4, "takes 2 to 3 arguments"),
        ("has(event)", 0, "has() at position 0 takes one field"),
        ("has()", 0, "has() at position 0 takes one field"),
        ("has(event.a, event.b)", 0, "has() at position 0 takes one field"),
        ("has(size(event.a))", 0, "has() at position 0 takes one field"),
        ("[1].exists(i)", 4, "exists() at position 4 takes a variable and an expression"),
        ("[1].all(i, 1, 2)", 4, "all() at position 4 takes a variable and an expression"),
        ("[1].map(i, 1, 2, 3)", 4, "map() at position 4 takes a variable and an expression"),
        ("[1].exists(1, true)", 11, "must be a plain variable name"),
        ("exists([1], i, true)", 0, "is not a function"),
    ],
)
def test_a_wrong_call_is_named(text: str, position: int, says: str) -> None:
    _assert_refused(text, position, says)


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("9223372036854775808", 0, "does not fit into 64 bits"),
        ("-9223372036854775809", 0, "does not fit into 64 bits"),
        ("18446744073709551616u", 0, "does not fit into 64 bits"),
        ("-1u", 0, "does not fit into 64 bits"),
        ("1 + " + "9" * 6_000, 4, "does not fit into 64 bits"),
        ("1e999", 0, "is too large"),
        (r"'ab\d'", 3, r"'\\d' at position 3 is not an escape sequence"),
        (r"'\ud800'", 1, "is not an escape sequence"),
        (r"'\U00110000'", 1, "is not an escape sequence"),
        (r"'\x4'", 1, "is not an escape sequence"),
        (r"'\400'", 1, "is not an escape sequence"),
        ("'a'.matches('(')", 12, "'(' is not an RE2 pattern: missing )"),
        (r"'a'.matches(r'(a)\1')", 12, "is not an RE2 pattern"),
        ("'a'.matches('" + "x" * 5_000 + "')", 12, "the pattern is too long"),
        ("duration('5')", 9, "'5' has a number without a unit"),
        ("now_plus('soon')", 9, "is not a duration"),
        ("now_minus('5y')", 10, "unknown unit"),
        ("timestamp('2024-01-01')", 10, "is not an RFC 3339 timestamp"),
        ("date('someday')", 5, "is not a date"),
    ],
)
def test_a_literal_that_cannot_be_used_is_found_before_any_event(text: str, position: int, says: str) -> None:
    _assert_refused(text, position, says)


def test_a_bad_escape_comes_with_the_way_out() -> None:
    with pytest.raises(InvalidExpressionError) as caught:
        compile_expression(r"event.data.s.matches('\d+')")
    assert "raw string" in caught.value.hint


def test_the_longest_text_is_accepted_and_a_longer_one_is_not() -> None:
    assert compile_expression("1" + " " * (MAX_TEXT - 1)).evaluate({}, now_ms=0) == 1
    _assert_refused("1" + " " * MAX_TEXT, MAX_TEXT, "8193 characters long; 8192 are allowed")


def test_only_the_variables_of_the_place_are_known() -> None:
    only_event = frozenset({"event"})
    assert compile_expression("event.data.n", variables=only_event).variables == only_event
    with pytest.raises(InvalidExpressionError, match="'async' at position 0 is not a variable"):
        compile_expression("async.data.n", variables=only_event)


def test_an_expression_is_compiled_once() -> None:
    assert compile_expression("event.data.once") is compile_expression("event.data.once")


def test_neither_celpy_nor_its_dependencies_are_imported_and_lark_only_when_needed() -> None:
    program = (
        "import sys\n"
        "from durable_engine.expressions import compile_expression\n"
        "assert 'lark' not in sys.modules\n"
        "limit = sys.getrecursionlimit()\n"
        "compile_expression('event.data.x == 1')\n"
        "assert 'lark' in sys.modules and sys.getrecursionlimit() == limit\n"
        "assert not {'celpy', 'pendulum', 'jmespath'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_missing_grammar_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="cel-python is not installed"):
        load_parser()


def _assert_refused(text: str, position: int, says: str) -> None:
    with pytest.raises(InvalidExpressionError, match=re.escape(says)) as caught:
        compile_expression(text)
    assert caught.value.position == position
