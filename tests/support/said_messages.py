"""Messages and codes that the code can answer with, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

GAP = "…"
"""What stands for a part of a message that differs from case to case."""
_LEAST = 8
"""Letters below which a text only wraps another one."""
_HOLD_CODES = frozenset({"code", "_CODES", "_INTERNAL", "MISSING", "MALFORMED"})


def raised(file: Path, errors: frozenset[str]) -> Iterator[str]:
    """Yield the messages of these exceptions that a file makes, with gaps; none that wraps another."""
    for call in _calls(file):
        if _name(call.func) in errors and call.args:
            for text in _texts(call.args[0]):
                if len(text.replace(GAP, "").strip(" .")) >= _LEAST:
                    yield text


def codes(file: Path) -> Iterator[str]:
    """Yield the codes that a module of the HTTP API puts into its answers."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            place = {"refuse": 1, "Refusal": 3}.get(_name(node.func))
            if place is not None and len(node.args) > place:
                yield from _texts(node.args[place])
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_name(target) in _HOLD_CODES for target in targets):
                yield from _codes_in(node.value)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code":
                    yield from _texts(value)


def _codes_in(value: ast.expr) -> Iterator[str]:
    """Yield the codes of a value: a text, one of two, the values of a table, or its default."""
    if isinstance(value, ast.Dict):
        for entry in value.values:
            yield from _texts(entry)
    else:
        yield from _texts(value.args[-1] if isinstance(value, ast.Call) and value.args else value)


def _calls(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
        yield "".join(parts)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = [*_texts(node.left)] or [GAP], [*_texts(node.right)] or [GAP]
        yield from (before + after for before in left for after in right)
