"""The syntax tree of an expression: what the text says, with places, before it means anything.

Chains of one operator (`a && b && c`, `a + b - c`, `a.b.c`) are one node with many children. So depth grows
with real nesting only, and its limit keeps every later walk of the tree far from Python's recursion limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from durable_engine.errors import InvalidExpressionError

MAX_DEPTH = 64


@dataclass(slots=True, eq=False)
class Node:
    """A part of the expression that has a value.

    `start` and `end` are offsets into the text; `size` is the work of evaluating it once, in steps.
    """

    start: int
    end: int
    children: tuple[Node, ...]
    depth: int = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.depth = 1 + max((child.depth for child in self.children), default=0)
        self.size = 1 + sum(child.size for child in self.children)
        self._check_depth()

    def append(self, child: Node) -> None:
        """Add a child at the end, while the tree is being built."""
        self.children += (child,)
        self.end = child.end
        self.depth = max(self.depth, 1 + child.depth)
        self.size += child.size
        self._check_depth()

    def _check_depth(self) -> None:
        if self.depth > MAX_DEPTH:
            raise InvalidExpressionError(
                f"the expression is nested more than {MAX_DEPTH} levels deep at position {self.start}",
                position=self.start,
            )


@dataclass(slots=True, eq=False)
class Literal(Node):
    """A number, string, true, false or null."""

    value: object


@dataclass(slots=True, eq=False)
class Name(Node):
    """A variable, or the variable of a macro around it."""

    name: str


@dataclass(slots=True, eq=False)
class Select(Node):
    """Keys known from the text, `base.a["b"][0]`; the base is the only child."""

    keys: tuple[str | int, ...]


@dataclass(slots=True, eq=False)
class Index(Node):
    """`base[key]` where the key is computed; the children are base and key."""


@dataclass(slots=True, eq=False)
class Call(Node):
    """A function or macro call; the receiver of `receiver.f(x)` is the first child."""

    function: str
    function_start: int
    has_receiver: bool


@dataclass(slots=True, eq=False)
class Not(Node):
    """`!x`."""


@dataclass(slots=True, eq=False)
class Negate(Node):
    """`-x`."""


@dataclass(slots=True, eq=False)
class Compare(Node):
    """One of `== != < <= > >= in` on two children."""

    operator: str


@dataclass(slots=True, eq=False)
class Arithmetic(Node):
    """A chain of one precedence, read from the left; `operators` stand between the children."""

    operators: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Logic(Node):
    """A chain of `&&` or a chain of `||`."""

    operator: str


@dataclass(slots=True, eq=False)
class Conditional(Node):
    """`test ? then : otherwise`, the three children."""


@dataclass(slots=True, eq=False)
class ListLiteral(Node):
    """`[a, b]`."""


@dataclass(slots=True, eq=False)
class MapLiteral(Node):
    """`{k: v}`; the children are key, value, key, value."""
