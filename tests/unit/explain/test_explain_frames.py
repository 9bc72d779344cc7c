"""The place in the user's code that a stack names, in the formats of Python and JavaScript."""

from __future__ import annotations

import pytest

from durable_engine.explain.frames import Frame, frames_of, user_frame


def place(stack: object) -> str | None:
    frame = user_frame(stack)
    return None if frame is None else str(frame)


PYTHON = """\
Traceback (most recent call last):
  File "/app/.venv/lib/python3.11/site-packages/inngest/_internal/step_async.py", line 200, in run
    handler(*handler_args)
  File "/app/src/pay.py", line 12, in charge
    card = json.loads(text)
           ^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "<frozen importlib._bootstrap>", line 1, in _find
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
"""


def test_of_a_python_stack_it_is_the_innermost_frame_that_is_the_users() -> None:
    assert place(PYTHON) == "/app/src/pay.py:12 in charge: card = json.loads(text)"
    assert [frame.function for frame in frames_of(PYTHON)] == ["_find", "loads", "charge", "run"]


def test_of_an_error_raised_while_another_was_handled_the_newest_counts() -> None:
    stack = """\
Traceback (most recent call last):
  File "/app/a.py", line 1, in first
    one()
KeyError: 1

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/b.py", line 2, in second
    two()
ValueError: 2
"""
    assert place(stack) == "/app/b.py:2 in second: two()"


def test_a_group_of_exceptions_is_read_too() -> None:
    stack = """\
  + Exception Group Traceback (most recent call last):
  |   File "/app/group.py", line 5, in main
  |     await both()
  | ExceptionGroup: two failed (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/part.py", line 9, in part
    |     raise KeyError
    | KeyError
    +------------------------------------
"""
    assert place(stack) == "/app/part.py:9 in part: raise KeyError"


def test_a_python_frame_whose_source_is_not_there_has_no_code() -> None:
    stack = 'Traceback (most recent call last):\n  File "/app/x.py", line 3, in <module>\nKeyError: 1'
    assert place(stack) == "/app/x.py:3 in <module>"


@pytest.mark.parametrize(
    "file",
    [
        "/opt/python/lib/python3.11/asyncio/tasks.py",
        "/usr/lib/python3/dist-packages/requests/api.py",
        "/opt/Python.framework/Versions/3.12/lib/python3.12/json/decoder.py",
        "C:\\Python311\\Lib\\asyncio\\base_events.py",
        "C:\\Users\\u\\miniconda3\\Lib\\json\\decoder.py",
        "C:\\Users\\u\\.pyenv\\pyenv-win\\versions\\3.11.0\\Lib\\json\\decoder.py",
        "C:\\uv\\python\\cpython-3.12.4-windows-x86_64-none\\Lib\\json\\decoder.py",
        "C:\\app\\.venv\\Lib\\site-packages\\inngest\\_internal\\comm.py",
        "<string>",
        "/app/node_modules/inngest/components/execution.js",
        "/app/node_modules/.pnpm/inngest@4/node_modules/inngest/index.cjs",
        "C:\\app\\node_modules\\inngest\\index.js",
        "node:internal/process/task_queues",
        "internal/modules/cjs/loader.js",
        "ext:core/01_core.js",
        "<anonymous>",
    ],
)
def test_what_is_installed_or_comes_with_the_runtime_is_not_the_users(file: str) -> None:
    assert Frame(file=file, line=1).is_library


@pytest.mark.parametrize(
    "file",
    [
        "/app/lib/pay.py",
        "/srv/python/lib/pay.py",
        "/app/versions/v2/lib/pay.ts",
        "/home/u/python/pay.py",
        "C:\\app\\src\\pay.ts",
        "/srv/internal/pay.ts",
        "src/a.ts",
    ],
)
def test_a_path_that_only_looks_a_little_like_a_library_is_the_users(file: str) -> None:
    assert not Frame(file=file, line=1).is_library


NODE = """\
CardError: card declined
    at Object.request (/app/node_modules/stripe/lib/client.js:10:20)
    at charge (/app/src/pay.ts:12:9)
    at async Promise.all (index 0)
    at async InngestExecution.run (file:///app/node_modules/inngest/execution.js:1:2)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
"""


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("at charge (/app/src/pay.ts:12:9)", "/app/src/pay.ts:12:9 in charge"),
        ("at async charge (/app/src/pay.ts:12:9)", "/app/src/pay.ts:12:9 in charge"),
        ("at /app/src/pay.ts:12:9", "/app/src/pay.ts:12:9"),
        ("at async /app/src/pay.ts:12:9", "/app/src/pay.ts:12:9"),
        ("at async file:///app/dist/pay.mjs:3:1", "/app/dist/pay.mjs:3:1"),
        ("at charge (file:///C:/app/src/pay.mjs:3:1)", "C:/app/src/pay.mjs:3:1 in charge"),
        ("at charge (C:\\app\\src\\pay.ts:10:5)", "C:\\app\\src\\pay.ts:10:5 in charge"),
        ("at new Card (/app/card.ts:1:2)", "/app/card.ts:1:2 in new Card"),
        ("at Object.<anonymous> (/app/card.ts:1:2)", "/app/card.ts:1:2"),
        ("at Card.pay [as charge] (/app/card.ts:1:2)", "/app/card.ts:1:2 in Card.pay"),
        ("at charge (webpack-internal:///(rsc)/./src/pay.ts:7:3)", "./src/pay.ts:7:3 in charge"),
        (
            "at t (/app/dist/index.js:1:23456)",
            "/app/dist/index.js:1:23456 in t (bundled code: no source map)",
        ),
    ],
)
def test_a_frame_of_v8_is_read_in_each_of_its_forms(line: str, shown: str) -> None:
    assert place(f"Error: no\n    {line}\n    at node:internal/x:1:1") == shown


def test_of_a_javascript_stack_it_is_the_first_frame_that_is_the_users() -> None:
    assert place(NODE) == "/app/src/pay.ts:12:9 in charge"


def test_of_an_error_with_a_cause_the_error_itself_counts() -> None:
    stack = "Error: a\n    at one (/app/a.ts:1:1)\n  [cause]: Error: b\n    at two (/app/b.ts:2:2)"
    assert place(stack) == "/app/a.ts:1:1 in one"


@pytest.mark.parametrize(
    "stack",
    [
        None,
        "",
        42,
        {"at": "x"},
        "Error: meet me at home (tomorrow:1:2)",
        "Error: no\n    at native\n    at <anonymous>",
        "Error: no\n    at eval (eval at run (/app/a.js:1:2), <anonymous>:1:1)",
        "Error: no\n    at run (/app/node_modules/inngest/index.js:1:2)\n    at node:internal/timers:1:1",
        'Traceback (most recent call last):\n  File "/usr/lib/python3.12/json/x.py", line 1, in decode',
    ],
)
def test_a_stack_without_a_frame_of_the_user_names_no_place(stack: object) -> None:
    assert user_frame(stack) is None


def test_a_very_long_stack_is_not_read_to_its_end() -> None:
    stack = (
        "Error\n" + "    at run (/app/node_modules/x/index.js:1:2)\n" * 100_000 + "    at a (/app/a.ts:1:1)"
    )
    assert user_frame(stack) is None
