"""Paths such as `event.data.items[0].id`: where in the JSON of a variable a value lies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from durable_engine.expressions.operators import step_into
from durable_engine.expressions.syntax import Name, Node, Select

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Path:
    """A variable and the keys (of maps) and indices (of lists) that lead to a value in it."""

    root: str
    keys: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return self.root + "".join(_key_text(key) for key in self.keys)

    def lookup(self, scope: Mapping[str, object]) -> object:
        """Return the value at this path, null when there is none."""
        value = scope.get(self.root)
        for key in self.keys:
            value = step_into(value, key)
        return value

    def is_present(self, scope: Mapping[str, object]) -> bool:
        """Tell whether there is a value at this path, be it null."""
        if not self.keys:
            return self.root in scope
        base = Path(self.root, self.keys[:-1]).lookup(scope)
        return has_entry(base, self.keys[-1])


def has_entry(base: object, key: str | int) -> bool:
    """Tell whether a map has this key, or a list this index."""
    if isinstance(base, dict):
        return str(key) in base
    return isinstance(base, list) and isinstance(key, int) and 0 <= key < len(base)


def path_of(node: Node) -> Path | None:
    """Return the path a node outside macros stands for, None when it is anything else."""
    if isinstance(node, Name):
        return Path(node.name)
    if isinstance(node, Select) and isinstance(node.children[0], Name):
        return Path(node.children[0].name, node.keys)
    return None


def _key_text(key: str | int) -> str:
    if isinstance(key, str) and _PLAIN_KEY.fullmatch(key):
        return f".{key}"
    return f"[{json.dumps(key, ensure_ascii=False)}]"
