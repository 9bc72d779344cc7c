"""Reads JSON with comments and trailing commas, and remembers where everything stands."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_SPACE: Final = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_DEEPEST: Final = 100


class NotJSONError(Exception):
    """The text is not JSON; `str()` says what is wrong, `line` and `column` count from 1."""

    def __init__(self, problem: str, text: str, at: int) -> None:
        super().__init__(problem)
        self.line = text.count("\n", 0, at) + 1
        self.column = at - (text.rfind("\n", 0, at) + 1) + 1


@dataclass(frozen=True, slots=True)
class Node:
    """A value that stands at `text[start:end]`; what follows is filled for objects only."""

    start: int
    end: int
    value: Any
    members: tuple[Member, ...] = ()
    comma: int | None = None
    """Where a comma stands after the last member."""

    def member(self, name: str) -> Node | None:
        """Return the member of this name; of several the last, which is the one that counts."""
        return next((member.value for member in reversed(self.members) if member.name == name), None)


@dataclass(frozen=True, slots=True)
class Member:
    """`start` is where the name's quotation mark stands."""

    name: str
    start: int
    value: Node


def read(text: str) -> Node | None:
    """Return the value in `text`, or None when there are only space and comments.

    Raises:
        NotJSONError: there is something else, or more than one value.
    """
    reader = _Reader(text)
    start = reader.after_space(0)
    if start == len(text):
        return None
    node = reader.value(start, depth=0)
    end = reader.after_space(node.end)
    if end != len(text):
        raise NotJSONError(f"unexpected {text[end]!r} after the end", text, end)
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def after_space(self, at: int) -> int:
        """Return where the space and the comments end that begin at `at`."""
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def value(self, at: int, *, depth: int) -> Node:
        """Return the value that begins at `at`."""
        opening = self._text[at : at + 1]
        if depth > _DEEPEST:
            raise self._wrong("nested too deeply", at)
        if opening == "{":
            return self._object(at, depth)
        if opening == "[":
            return self._list(at, depth)
        found = (_STRING if opening == '"' else _SCALAR).match(self._text, at)
        if found is None:
            expected = "a text that ends on its line" if opening == '"' else "a value"
            raise self._wrong(f"expected {expected}, found {self._found(at)}", at)
        try:
            return Node(at, found.end(), json.loads(found.group()))
        except ValueError:
            raise self._wrong(f"{found.group()[:40]} cannot be read", at) from None

    def _object(self, start: int, depth: int) -> Node:
        members: list[Member] = []
        comma: int | None = None
        at = self.after_space(start + 1)
        while self._text[at : at + 1] != "}":
            if members and comma is None:
                raise self._wrong(f"expected ',' or '}}', found {self._found(at)}", at)
            if self._text[at : at + 1] != '"':
                raise self._wrong(f"expected a name in double quotes or '}}', found {self._found(at)}", at)
            name = self.value(at, depth=depth + 1)
            colon = self.after_space(name.end)
            if self._text[colon : colon + 1] != ":":
                raise self._wrong(f"expected ':' after the name, found {self._found(colon)}", colon)
            value = self.value(self.after_space(colon + 1), depth=depth + 1)
            members.append(Member(name.value, at, value))
            comma, at = self._comma(value.end)
        content = {member.name: member.value.value for member in members}
        return Node(start, at + 1, content, tuple(members), comma)

    def _list(self, start: int, depth: int) -> Node:
        values: list[Any] = []
        comma: int | None = None
        at = self.after_space(start + 1)
        while self._text[at : at + 1] != "]":
            if values and comma is None:
                raise self._wrong(f"expected ',' or ']', found {self._found(at)}", at)
            value = self.value(at, depth=depth + 1)
            values.append(value.value)
            comma, at = self._comma(value.end)
        return Node(start, at + 1, values)

    def _comma(self, at: int) -> tuple[int | None, int]:
        at = self.after_space(at)
        if self._text[at : at + 1] != ",":
            return None, at
        return at, self.after_space(at + 1)

    def _found(self, at: int) -> str:
        return repr(self._text[at]) if at < len(self._text) else "the end of the file"

    def _wrong(self, problem: str, at: int) -> NotJSONError:
        return NotJSONError(problem, self._text, at)
