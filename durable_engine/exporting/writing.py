"""Write a test down as a file that its readers can run: pytest, vitest, or a scenario of `stepcue test`."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Final, Literal

from durable_engine.exporting.literals import javascript_literal, javascript_text, needs_json, python_literal
from durable_engine.exporting.repeating import RepeatingTest
from durable_engine.model.json_value import JSONObject

Format = Literal["pytest", "vitest", "scenario"]
MARK: Final = "Exported by Stepcue"
"""What the head of each file says; only such a file may be replaced."""
_IN: Final = "    "
_WIDTH: Final = 100
_TIMEOUT_MS: Final = 60_000
_LABEL_INDEX: Final = re.compile(r".+\[\d+\]", re.DOTALL)
_CALL: Final = (
    ("event", "event"),
    ("function", "functionId"),
    ("data", "data"),
    ("user", "user"),
    ("mocks", "mocks"),
    ("faults", "faults"),
    ("events", "events"),
)


def write(test: RepeatingTest, form: Format) -> str:
    """Return the whole text of the file."""
    return {"pytest": _pytest, "vitest": _vitest, "scenario": _scenario}[form](test)


def file_name(test: RepeatingTest, form: Format) -> str:
    """Return what such a file is usually called."""
    word = _identifier(test.name)
    return {
        "pytest": f"test_{word}.py",
        "vitest": f"{word.replace('_', '-')}.test.ts",
        "scenario": f"{word.replace('_', '-')}.json",
    }[form]


def _pytest(test: RepeatingTest) -> str:
    lines = [
        f"# {_head(test)}",
        "# The fixture comes with Stepcue; conftest.py needs a fixture stepcue_app that returns your app.",
        "",
        "from __future__ import annotations",
        *(["", "import json"] if needs_json(test.document) else []),
        "",
        "",
        f"def test_{_identifier(test.name)}(stepcue):",
        *_comments(test, f"{_IN}# "),
        *_call(test.document),
        *(f"{_IN}{line}" for line in _assertions(test.document["expect"])),
    ]
    return "\n".join(lines) + "\n"


def _call(document: JSONObject) -> list[str]:
    arguments = list(_arguments(document))
    if len(arguments) == 1:
        return [f"{_IN}run = stepcue.test({arguments[0].removesuffix(',')})"]
    return [f"{_IN}run = stepcue.test(", *(f"{_IN * 2}{line}" for line in arguments), f"{_IN})"]


def _arguments(document: JSONObject) -> Iterator[str]:
    for argument, field in _CALL:
        if field in document:
            value = _short_mocks(document[field]) if field == "mocks" else document[field]
            yield f"{argument}={python_literal(value, indent=2, room=80)},"


def _short_mocks(mocks: list[JSONObject]) -> list[JSONObject] | JSONObject:
    """Return mocks as {step: result} where they are no more than that."""
    names = [mock["stepId"] for mock in mocks]
    is_plain = all(set(mock) == {"stepId", "result"} for mock in mocks)
    if is_plain and len(set(names)) == len(names) and not any(map(_LABEL_INDEX.fullmatch, names)):
        return {mock["stepId"]: mock["result"] for mock in mocks}
    return mocks


def _assertions(expect: JSONObject) -> Iterator[str]:
    steps: dict[str, JSONObject] = expect.get("steps", {})
    for label, wanted in steps.items():
        calls = "".join(_of_step(wanted))
        yield f"run.step({python_literal(label)}){calls}"
    unchecked = [label for label in expect.get("ran", []) if label not in steps]
    if unchecked:
        yield f"run.assert_ran({', '.join(map(python_literal, unchecked))})"
    if "eventsSent" in expect:
        yield f"run.assert_sent({', '.join(map(python_literal, expect['eventsSent']))})"
    if expect["status"] == "COMPLETED":
        output = python_literal(expect["output"], indent=1, room=70) if "output" in expect else ""
        yield f"run.assert_completed({output})"
    elif expect["status"] == "FAILED":
        yield f"run.assert_failed({python_literal(expect['error'])})"
    else:
        yield f"run.assert_status({python_literal(expect['status'])})"


def _of_step(wanted: JSONObject) -> Iterator[str]:
    if "status" in wanted:
        yield f".assert_status({python_literal(wanted['status'])})"
    if "output" in wanted:
        yield f".assert_output({python_literal(wanted['output'], indent=1, room=60)})"
    if "error" in wanted:
        yield f".assert_error({python_literal(wanted['error'])})"
    if "attempts" in wanted:
        yield f".assert_attempts({wanted['attempts']})"
    if "timedOut" in wanted:
        yield ".assert_timed_out()" if wanted["timedOut"] else ".assert_timed_out(has_timed_out=False)"


def _vitest(test: RepeatingTest) -> str:
    lines = [
        f"// {_head(test)}",
        "// It needs `stepcue dev` and your app running; STEPCUE_URL says where Stepcue listens, and",
        "// STEPCUE_TOKEN is its token, if it has one.",
        "",
        'import { expect, test } from "vitest";',
        "",
        'const stepcue = process.env.STEPCUE_URL ?? "http://127.0.0.1:8288";',
        'const headers = { "content-type": "application/json" };',
        "const token = process.env.STEPCUE_TOKEN;",
        "if (token) headers.authorization = `Bearer ${token}`;",
        "",
        f"test({javascript_text(_one_line(test.name))}, async () => {{",
        *_comments(test, "  // "),
        f"  const scenario = {javascript_literal(test.document, indent=1, room=60)};",
        "  const answer = await fetch(`${stepcue}/stepcue/v1/test`, {",
        '    method: "POST",',
        "    headers,",
        "    body: JSON.stringify(scenario),",
        "  });",
        "  const verdict = await answer.json();",
        "  expect(answer.status, `Stepcue says: ${verdict.error}`).toBe(200);",
        "  // A failing check is a text: the step, what was expected, what there is, the steps of the run.",
        "  expect(verdict.failure).toBeNull();",
        "  expect(verdict.passed).toBe(true);",
        f"}}, {_TIMEOUT_MS});",
    ]
    return "\n".join(lines) + "\n"


def _scenario(test: RepeatingTest) -> str:
    document = {"note": [_head(test), *test.notes], "scenarios": [{"name": test.name, **test.document}]}
    return json.dumps(document, indent=2) + "\n"


def _comments(test: RepeatingTest, start: str) -> Iterator[str]:
    for note in test.notes:
        yield from textwrap.wrap(
            _one_line(note),
            _WIDTH,
            initial_indent=start,
            subsequent_indent=f"{start}  ",
            break_long_words=False,
        )


def _head(test: RepeatingTest) -> str:
    return _one_line(f"{MARK} from run {test.run_id} of {test.function}.")


def _identifier(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:80] or "run"


def _one_line(text: str) -> str:
    """Return a text for a comment: nothing in it ends the line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
