"""JSON values as literals of programming languages: whatever a text holds, it stays a text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from durable_engine.model.json_value import JSONValue

_WIDTH: Final = 96
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_MOST_DEPTH: Final = 40
"""Python's parser gives up at some 100 brackets."""


@dataclass(frozen=True, slots=True)
class _Language:
    """How a language writes what it is made of; `deep` writes what is nested too deeply for a literal."""

    text: Callable[[str], str]
    key: Callable[[str], str]
    words: tuple[str, str, str]
    deep: Callable[[str], str]
    step: str


def python_literal(value: JSONValue, *, indent: int = 0, room: int = _WIDTH) -> str:
    """Return Python code of a JSON value, to go on `indent` levels deep; `room` is what the line has left."""
    return _literal(value, _PYTHON, indent, room, 0)


def javascript_literal(value: JSONValue, *, indent: int = 0, room: int = _WIDTH) -> str:
    """Return JavaScript code of a JSON value."""
    return _literal(value, _JAVASCRIPT, indent, room, 0)


def needs_json(value: JSONValue) -> bool:
    """Whether the Python literal of a value uses the module `json`."""
    return _depth(value) > _MOST_DEPTH


def _literal(value: JSONValue, language: _Language, indent: int, room: int, depth: int) -> str:
    if depth == 0 and _depth(value) > _MOST_DEPTH:
        return language.deep(json.dumps(value))
    inline = _inline(value, language)
    if len(inline) <= room or not isinstance(value, dict | list) or not value:
        return inline
    inner = language.step * (indent + 1)
    left = _WIDTH - len(inner)
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            head = f"{language.key(key)}: "
            body = _literal(item, language, indent + 1, left - len(head), depth + 1)
            lines.append(f"{inner}{head}{body},")
        return "\n".join(["{", *lines, f"{language.step * indent}}}"])
    lines = [f"{inner}{_literal(item, language, indent + 1, left, depth + 1)}," for item in value]
    return "\n".join(["[", *lines, f"{language.step * indent}]"])


def _inline(value: JSONValue, language: _Language) -> str:
    if isinstance(value, dict):
        pairs = (f"{language.key(key)}: {_inline(item, language)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(item, language) for item in value)}]"
    if isinstance(value, str):
        return language.text(value)
    if value is None or isinstance(value, bool):
        return language.words[2 if value is None else int(value)]
    return repr(value)


def _depth(value: JSONValue) -> int:
    """Return how deeply a value is nested, without recursion."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for entry in level
            if isinstance(entry, dict | list)
            for item in (entry.values() if isinstance(entry, dict) else entry)
        ]
    return depth


def python_text(text: str) -> str:
    """Return Python code of a text, in double quotes where that needs no more escapes."""
    single = repr(text)
    if single.startswith('"') or '"' in text:
        return single
    return f'"{single[1:-1]}"'


def javascript_text(text: str) -> str:
    """Return JavaScript code of a text."""
    return json.dumps(text)


def _javascript_key(key: str) -> str:
    # In a literal, this name alone would set the prototype.
    if key == "__proto__":
        return '["__proto__"]'
    return key if _NAME.fullmatch(key) else json.dumps(key)


_PYTHON: Final = _Language(
    python_text,
    python_text,
    ("False", "True", "None"),
    lambda text: f"json.loads({python_text(text)})",
    "    ",
)
_JAVASCRIPT: Final = _Language(
    javascript_text,
    _javascript_key,
    ("false", "true", "null"),
    lambda text: f"JSON.parse({javascript_text(text)})",
    "  ",
)
