"""The equalities that must hold for an expression to be true: what an index over waits can look up by.

Pure facts about the text. If `matches` is true, every equality holds; the reverse needs the whole expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from durable_engine.expressions import syntax
from durable_engine.expressions.paths import Path, path_of
from durable_engine.expressions.syntax import Node
from durable_engine.expressions.values import as_text


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal of the expression."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Equality:
    """`left == right`; when only one side is a path into `async`, it is the left one."""

    left: Path
    right: Path | Constant


def top_equalities(tree: Node) -> tuple[Equality, ...]:
    """Return the equalities joined by `&&` at the top of an expression, in the order of the text."""
    return tuple(_equalities(tree))


def index_key(value: object) -> str | None:
    """Return a text that two values share exactly when `==` holds between them; None for lists and maps.

    Numbers are keyed by value (1 and 1.0 are equal), other kinds by kind (1, "1" and true are not).
    """
    if isinstance(value, bool) or value is None:
        return f"={value}"
    if isinstance(value, str):
        return f"s{value}"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return f"n{int(value):x}"
    if isinstance(value, float) and value == value:  # noqa: PLR0124 - NaN equals nothing
        return f"n{as_text(value)}"
    return None


def _equalities(node: Node) -> Iterator[Equality]:
    if isinstance(node, syntax.Logic) and node.operator == "&&":
        for child in node.children:
            yield from _equalities(child)
    elif isinstance(node, syntax.Compare) and node.operator == "==":
        left, right = map(_side, node.children)
        if not isinstance(left, Path) or (isinstance(right, Path) and right.root == "async" != left.root):
            left, right = right, left
        if isinstance(left, Path) and right is not None:
            yield Equality(left, right)


def _side(node: Node) -> Path | Constant | None:
    if isinstance(node, syntax.Literal):
        value = node.value
        return Constant(value) if value is None or isinstance(value, bool | int | float | str) else None
    return path_of(node)
