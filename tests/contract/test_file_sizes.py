"""A file or a function that is too long has taken on a second job: split it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = sorted(
    path
    for package in ("durable_engine", "docs_index", "mcp_server")
    for path in (REPOSITORY / package).rglob("*.py")
)


def _name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_the_modules_of_all_three_packages_are_found() -> None:
    assert {path.relative_to(REPOSITORY).parts[0] for path in MODULES} == {
        "durable_engine",
        "docs_index",
        "mcp_server",
    }
    assert len(MODULES) > 100


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_module_or_function_is_too_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_FILE_LINES, f"{_name(path)} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{_name(path)}:{node.lineno} {node.name} has {length} lines"
