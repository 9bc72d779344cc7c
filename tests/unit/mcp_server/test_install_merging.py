"""Merging into somebody else's configuration: the entry is added, and no other byte is touched."""

import json
import tomllib
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.install.clients import CLIENTS
from mcp_server.install.json_edit import edited, insertion
from mcp_server.install.jsonc import NotJSONError, read
from mcp_server.install.merging import Outcome, UnusableError, merge

CURSOR, VSCODE, CODEX = (CLIENTS[name] for name in ("cursor", "vscode", "codex"))
ENTRY = {"url": "http://127.0.0.1:8288/mcp"}

SPACE = st.text(alphabet=" \t\n", max_size=4)
WORDS = st.text(alphabet="ab{}[],:\"'\\/ é", max_size=8)
COMMENT = st.one_of(
    WORDS.map(lambda words: f"//{words}\n"),
    WORDS.map(lambda words: "/*" + words.replace("*/", "") + "*/").filter(lambda text: "/*/" not in text[1:]),
)
GAP = st.lists(st.one_of(SPACE, COMMENT), max_size=3).map("".join)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def jsonc(draw, value):
    """Write a value down with whatever spaces, comments and trailing commas JSONC allows."""
    gap = lambda: draw(GAP)  # noqa: E731
    if isinstance(value, dict):
        parts = [f"{gap()}{json.dumps(k)}{gap()}:{draw(jsonc(v))}" for k, v in value.items()]
        marks = "{}"
    elif isinstance(value, list):
        parts = [draw(jsonc(item)) for item in value]
        marks = "[]"
    else:
        return f"{gap()}{json.dumps(value, ensure_ascii=draw(st.booleans()))}{gap()}"
    trailing = "," + gap() if parts and draw(st.booleans()) else ""
    return f"{gap()}{marks[0]}{gap()}{','.join(parts)}{trailing}{marks[1]}{gap()}"


@st.composite
def documents(draw):
    """Return a configuration and its text."""
    value = draw(st.dictionaries(st.text(), VALUES, max_size=3))
    if draw(st.booleans()):
        value["servers"] = draw(st.dictionaries(st.text(max_size=3), VALUES, max_size=3))
    text = draw(jsonc(value))
    newlines = draw(st.sampled_from(["\n", "\r\n"]))
    return value, text.replace("\n", newlines)


@settings(deadline=None)
@given(documents())
def test_what_was_written_is_read(document):
    value, text = document

    assert read(text).value == value


@settings(deadline=None)
@given(documents())
def test_the_entry_is_added_and_everything_else_keeps_its_bytes(document):
    value, text = document
    merged = merge(text, VSCODE, "stepcue", ENTRY)

    assert merged.outcome is Outcome.ADDED
    assert read(merged.text).value == {**value, "servers": {**value.get("servers", {}), "stepcue": ENTRY}}
    again = merge(merged.text, VSCODE, "stepcue", ENTRY)
    assert (again.outcome, again.text) == (Outcome.PRESENT, merged.text)


@settings(deadline=None)
@given(documents())
def test_an_insertion_takes_nothing_away(document):
    _, text = document
    root = read(text)
    edits = sorted(insertion(text, root, root, "new", ENTRY, newline="\n"))
    new = edited(text, edits)

    assert all(start == end for start, end, _ in edits)
    assert all(one[1] <= other[0] for one, other in pairwise(edits))
    for start, _, inserted in edits:
        assert new[start : start + len(inserted)] == inserted
        new = new[:start] + new[start + len(inserted) :]
        # Later edits stand where they stood before the earlier ones were taken back.
    assert new == text


@settings(deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=3), st.sampled_from([None, 2, "\t"]))
def test_plain_json_stays_plain_json(value, indent):
    value.pop("servers", None)
    text = json.dumps(value, indent=indent)

    assert json.loads(merge(text, VSCODE, "stepcue", ENTRY).text) == {**value, "servers": {"stepcue": ENTRY}}


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:/*1 ab\n\\', max_size=20))
def test_what_plain_json_accepts_is_read_alike_and_the_rest_is_an_error_or_a_leniency(text):
    try:
        expected = json.loads(text)
    except ValueError:
        with suppress(NotJSONError):
            read(text)
        return
    assert read(text).value == expected


@settings(deadline=None)
@given(documents())
def test_a_replacement_changes_one_value(document):
    value, text = document
    before = merge(text, VSCODE, "stepcue", {"command": "old", "args": []}).text

    left_alone = merge(before, VSCODE, "stepcue", ENTRY)
    replaced = merge(before, VSCODE, "stepcue", ENTRY, replace=True)

    assert (left_alone.outcome, left_alone.text) == (Outcome.DIFFERENT, before)
    assert replaced.outcome is Outcome.REPLACED
    assert read(replaced.text).value == {
        **value,
        "servers": {**value.get("servers", {}), "stepcue": ENTRY},
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{\n  "mcpServers": {\n    "a": {"url": "x"} // mine\n  }\n}\n',
            (
                '{\n  "mcpServers": {\n    "a": {"url": "x"}, // mine\n'
                '    "s": {\n      "url": "u"\n    }\n  }\n}\n'
            ),
        ),
        (
            '{\n\t"mcpServers": {\n\t\t"a": 1, // last\n\t\t// more to come\n\t},\n}',
            (
                '{\n\t"mcpServers": {\n\t\t"a": 1, // last\n\t\t"s": {\n\t\t\t"url": "u"\n\t\t},\n'
                "\t\t// more to come\n\t},\n}"
            ),
        ),
        ('{"a": 1}', '{"a": 1, "mcpServers": {"s": {"url": "u"}}}'),
        ("{}", '{\n  "mcpServers": {\n    "s": {\n      "url": "u"\n    }\n  }\n}'),
        (
            '{\r\n    "mcpServers": {\r\n    }\r\n}\r\n',
            (
                '{\r\n    "mcpServers": {\r\n        "s": {\r\n            "url": "u"\r\n        }\r\n'
                "    }\r\n}\r\n"
            ),
        ),
        (
            '{\n  // nothing yet\n  "mcpServers": {}\n}\n',
            '{\n  // nothing yet\n  "mcpServers": {\n    "s": {\n      "url": "u"\n    }\n  }\n}\n',
        ),
        ("", '{\n  "mcpServers": {\n    "s": {\n      "url": "u"\n    }\n  }\n}\n'),
        ("// empty", '// empty\n{\n  "mcpServers": {\n    "s": {\n      "url": "u"\n    }\n  }\n}\n'),
        (
            '{"mcpServers": {"s": 1}, "mcpServers": {"b": 2}}',
            '{"mcpServers": {"s": 1}, "mcpServers": {"b": 2, "s": {"url": "u"}}}',
        ),
    ],
)
def test_the_layout_is_kept(before, after):
    assert merge(before, CURSOR, "s", {"url": "u"}).text == after


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n  "mcpServers": {\n    "a": {"url": "x"}\n    "b": {}\n  }\n}', ["line 4, column 5", "','"]),
        ('{"mcpServers": [1]}', ["line 1", "'mcpServers' holds no object"]),
        ('{"mcpServers": null}', ["holds no object"]),
        ("[]", ["line 1", "the file holds no object"]),
        ('{"a": 1', ["line 1, column 8", "the end of the file"]),
        ('{"a": "x\ny"}', ["line 1, column 7", "ends on its line"]),
        ("{} {}", ["line 1, column 4", "after the end"]),
        ('{"a": 1} /* open', ["after the end"]),
        ("{'a': 1}", ["double quotes"]),
        ('{"a": tru}', ["expected a value"]),
        ('{"a": 01}', ["expected ','"]),
        ('{"a": "\\q"}', ["cannot be read"]),
        ('{"a" 1}', ["expected ':'"]),
        ("[" * 5_000, ["nested too deeply"]),
        ('{"a":' * 5_000, ["nested too deeply"]),
    ],
)
def test_malformed_json_is_refused_with_its_place(text, words):
    with pytest.raises(UnusableError) as caught:
        merge(text, CURSOR, "stepcue", ENTRY)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# mine\n",
        'model = "o"\n\n[mcp_servers.other]\ncommand = "x"',
        '[mcp_servers]\n\n[mcp_servers.other]\ncommand = "x"\n\n[projects."/a/b"]\ntrust = true\n',
        'text = """\n[mcp_servers.stepcue]\n"""\r\n[mcp_servers.other]\r\ncommand = "x"\r\n',
    ],
)
def test_toml_gets_a_table_behind_what_is_there(text):
    merged = merge(text, CODEX, "stepcue", ENTRY)
    old = tomllib.loads(text)

    assert merged.outcome is Outcome.ADDED
    assert merged.text.startswith(text)
    assert tomllib.loads(merged.text) == {
        **old,
        "mcp_servers": {**old.get("mcp_servers", {}), "stepcue": ENTRY},
    }
    assert merge(merged.text, CODEX, "stepcue", ENTRY).outcome is Outcome.PRESENT
    if "\r\n" in text:
        assert merged.text.count("\r\n") > text.count("\r\n")


REPLACED = """\
model = "o"

# how to reach stepcue
[mcp_servers.stepcue]
command = "old"
args = [
  "[mcp_servers.fake]",
]

[mcp_servers.stepcue.env]
A = "1"

# the next one
[mcp_servers.other]
command = "x"
"""


def test_a_toml_table_is_replaced_with_its_own_tables_and_nothing_else():
    merged = merge(REPLACED, CODEX, "stepcue", ENTRY, replace=True)
    head, _, _ = REPLACED.partition("[mcp_servers.stepcue]")
    _, mark, tail = REPLACED.partition("\n# the next one")

    assert merged.outcome is Outcome.REPLACED
    assert merged.text == f'{head}[mcp_servers.stepcue]\nurl = "{ENTRY["url"]}"\n{mark}{tail}'


def test_the_only_toml_table_is_replaced():
    before = '[mcp_servers.stepcue]\ncommand = "old"\n'

    assert merge(before, CODEX, "stepcue", ENTRY).outcome is Outcome.DIFFERENT
    assert tomllib.loads(merge(before, CODEX, "stepcue", ENTRY, replace=True).text) == {
        "mcp_servers": {"stepcue": ENTRY}
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1\nb = \n", ["line 2"]),
        ("mcp_servers = 3\n", ["not a table"]),
        ('mcp_servers = { other = { command = "x" } }\n', ["by hand", "[mcp_servers.stepcue]"]),
        ('[mcp_servers]\nstepcue = { command = "x" }\n', ["not a table of its own"]),
    ],
)
def test_toml_that_cannot_be_added_to_is_refused(text, words):
    with pytest.raises(UnusableError) as caught:
        merge(text, CODEX, "stepcue", ENTRY, replace=True)
    for word in words:
        assert word in str(caught.value)
