"""The block of `key: value` lines between `---` at the top of a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_MARK = "---"
_BLOCK = re.compile(r"[|>][-+]?")  # YAML: the text follows in indented lines


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """The scalars and lists of a front matter block; keys it does not have are simply absent."""

    scalars: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]

    def text(self, key: str) -> str:
        """Return the scalar `key`, or ""."""
        return self.scalars.get(key, "")

    def items(self, key: str) -> tuple[str, ...]:
        """Return the list `key`; a scalar counts as a list of one."""
        if key in self.lists:
            return self.lists[key]
        return (self.scalars[key],) if self.scalars.get(key) else ()


def split(source: str) -> tuple[FrontMatter, str]:
    """Return the front matter and the text below it.

    Only what pages use is understood: `key: value`, `key: [a, b]` and `- item` lines, and text that goes on
    in indented lines. A block that is never closed is not front matter, so nothing of such a page is lost.
    """
    lines = source.split("\n")
    if lines[0].strip() == _MARK:
        for number, line in enumerate(lines[1:], start=1):
            if line.strip() == _MARK:
                return _parse(lines[1:number]), "\n".join(lines[number + 1 :])
    return FrontMatter(scalars={}, lists={}), source


def _parse(lines: Iterable[str]) -> FrontMatter:
    scalars: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    key = ""
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("- ") and key:
            lists.setdefault(key, []).append(_unquoted(stripped[2:]))
        elif line[:1] in {" ", "\t"} and key in scalars and stripped:
            begun = "" if _BLOCK.fullmatch(scalars[key]) else scalars[key]
            scalars[key] = f"{begun} {stripped}".strip()
        elif ":" in stripped and not stripped.startswith("#"):
            key, _, raw = stripped.partition(":")
            key, value = key.strip().lower(), raw.strip()
            if value.startswith("[") and value.endswith("]"):
                lists[key] = [_unquoted(item) for item in value[1:-1].split(",") if item.strip()]
            elif value:
                scalars[key] = _unquoted(value)
    return FrontMatter(scalars=scalars, lists={name: tuple(items) for name, items in lists.items()})


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
