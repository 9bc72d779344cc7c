"""Whatever is in the data of a run, the exported file is code that says exactly that."""

from __future__ import annotations

import ast
import json
import subprocess
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.node import node

from durable_engine.exporting.literals import javascript_literal, python_literal
from durable_engine.exporting.repeating import RepeatingTest
from durable_engine.exporting.writing import file_name, write

_TEXT = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ['"""', "'''", "*/", "`${x}`", "\\", "\n", "\u2028\u2029", "\ud800", "#", "//", "</script>", "{}", "%s"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)
_HOSTILE: dict[str, Any] = {
    "__proto__": {"a": 1},
    "constructor": "*/ `${process.exit(1)}` // \u2028 \ud800 '\"\\",
    "": ["\r\n", '"""', "'''", -0.0, 1e300, 2**53],
    "$any": "uuid",
    "new\nline": None,
}


def _test(data: Any, text: str) -> RepeatingTest:
    steps = {
        text: {"output": data, "attempts": 2, "error": text, "status": "FAILED"},
        "b": {"timedOut": True},
    }
    document = {
        "functionId": text,
        "event": text,
        "data": {"data": data},
        "mocks": [{"stepId": text, "result": data}],
        "events": [{"name": text, "data": data}],
        "expect": {
            "status": "COMPLETED",
            "output": data,
            "ran": [text, "c"],
            "steps": steps,
            "eventsSent": [text],
        },
    }
    return RepeatingTest(run_id=text, function=text, name=text, document=document, notes=(text, f"{text}: x"))


@given(_JSON)
def test_a_python_literal_is_the_value(value: Any) -> None:
    assert ast.literal_eval(python_literal(value)) == value
    assert ast.literal_eval(python_literal(value, room=0)) == value


def test_what_is_nested_deeply_is_read_from_text() -> None:
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    assert eval(python_literal(deep), {"json": json}) == deep  # noqa: S307 - ours
    text = write(_test(deep, "x"), "pytest")
    compile(text, "test_x.py", "exec")
    assert "\nimport json\n" in text


@given(_JSON, _TEXT)
def test_an_exported_pytest_file_compiles_and_says_what_the_run_did(data: Any, text: str) -> None:
    written = write(_test(data, text), "pytest")
    written.encode()
    tree = ast.parse(written)
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert function.name.isidentifier()
    (call,) = [node for node in ast.walk(function) if isinstance(node, ast.Call) and node.keywords][:1]
    given_ = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert given_["data"] == {"data": data}
    assert given_["event"] == text
    assert "/" not in file_name(_test(data, text), "pytest")


@given(_JSON, _TEXT)
def test_an_exported_scenario_is_the_document(data: Any, text: str) -> None:
    written = write(_test(data, text), "scenario")
    written.encode()
    (scenario,) = json.loads(written)["scenarios"]
    assert scenario["data"] == {"data": data}


@given(_JSON, _TEXT)
def test_nothing_in_a_text_ends_a_comment_of_an_exported_vitest_file(data: Any, text: str) -> None:
    written = write(_test(data, text), "vitest")
    written.encode()
    plain = write(_test(data, "x"), "vitest")
    for head in ("import", "const stepcue", "test(", "  const", "  expect", "});", "}, "):
        counts = [sum(line.startswith(head) for line in file.split("\n")) for file in (written, plain)]
        assert counts[0] == counts[1]
    assert not {"\u2028", "\u2029", "\r"} & set(written)


def test_node_reads_the_value_from_the_literal() -> None:
    cases = [_HOSTILE, [_HOSTILE, [[]], {}], {"deep": json.loads("[" * 100 + "]" * 100)}, "x" * 500]
    code = "".join(f"console.log(JSON.stringify({javascript_literal(case)}));\n" for case in cases)
    done = subprocess.run([node(), "-"], input=code.encode(), capture_output=True, check=True)
    for line, case in zip(done.stdout.decode().removesuffix("\n").split("\n"), cases, strict=True):
        assert json.loads(line) == json.loads(json.dumps(case).replace("-0.0", "0"))


def test_node_takes_the_vitest_file_as_plain_javascript(tmp_path: Any) -> None:
    file = tmp_path / "exported.test.mjs"
    for text in ("*/ `${x}` '\"\\ \n\u2028", "plain"):
        file.write_text(write(_test(_HOSTILE, text), "vitest"), encoding="utf-8")
        done = subprocess.run([node(), "--check", str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
