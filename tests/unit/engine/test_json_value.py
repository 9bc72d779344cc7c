"""JSON that is kept exactly, or refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_engine.model.json_value import InvalidJSONError, parse_json, to_json

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())
)
_ANY_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner), max_leaves=20
)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.copysign(1, left) == math.copysign(1, right) and left == right
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)


@given(_ANY_JSON)
def test_what_is_written_is_read_back_the_same_and_is_utf_8(value: Any) -> None:
    text = to_json(value)
    text.encode()
    assert _same(parse_json(text), value)


@pytest.mark.parametrize(
    "text",
    ["1", "1.0", "-0.0", "123456789012345678901234567890", '"\ue000"', "{}", "[]", '{"z":1,"a":2}', "null"],
)
def test_compact_text_survives_reading_and_writing_unchanged(text: str) -> None:
    assert to_json(parse_json(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ('{"a":-Infinity}', "-Infinity is not JSON"),
        ("1e999", "too large"),
        ("-1e999", "too large"),
        ("1" * 400 + ".5", "too large"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("", "Expecting value"),
        ("{'a':1}", "Expecting property name"),
        ("1 2", "Extra data"),
        ('"\x00"', "Invalid control character"),
        ("1" * 5_000, "more than 4,300 digits"),
        ("[" * 201 + "]" * 201, "at most 200 levels"),
        ('[{"]}":"\\"[{"},' * 201 + "1" + "]" * 201, "at most 200 levels"),
    ],
)
def test_text_that_would_have_to_be_changed_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidJSONError, match=words):
        parse_json(text)


@pytest.mark.parametrize("body", [b"\xff", b'"\xc3"', b"\xef\xbb\xbf{}x", b"\x00"])
def test_bytes_that_are_no_utf_8_json_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidJSONError):
        parse_json(body)


def test_a_lone_surrogate_stays_escaped_and_everything_else_readable() -> None:
    assert to_json("\ud800") == '"\\ud800"'
    assert to_json("é😀\u2028") == '"é😀\u2028"'
    assert parse_json(b'"\\ud800"') == "\ud800"
    assert parse_json('"\\ud83d\\ude00"') == "😀"


def test_nul_is_text_like_any_other() -> None:
    assert to_json("a\0b") == '"a\\u0000b"'
    assert parse_json(b'"a\\u0000b"') == "a\0b"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan], {"a": math.inf}])
def test_a_number_that_json_has_not_is_never_written(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(value)


def test_reading_agrees_with_the_standard_library_on_plain_json() -> None:
    text = '{"a":[1,2.5,-3e2,true,false,null,"x"],"b":{"c":{}}}'
    assert parse_json(text) == json.loads(text)
