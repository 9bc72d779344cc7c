"""A compiled expression, and the cache that makes compiling it a matter of once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from durable_engine.expressions.compile import Compiled, compile_tree
from durable_engine.expressions.equality import Equality, top_equalities
from durable_engine.expressions.frame import Frame, WorkExceededError
from durable_engine.expressions.parse import parse
from durable_engine.expressions.syntax import Node
from durable_engine.expressions.values import is_truthy, to_json

VARIABLES = frozenset({"event", "events", "async", "vars", "steps", "output"})
_CACHED = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """An expression ready to evaluate: immutable, and safe to share between threads and runs."""

    text: str
    variables: frozenset[str]
    tree: Node
    compiled: Compiled

    def evaluate(self, scope: Mapping[str, object], *, now_ms: int) -> object:
        """Return the JSON value for these variables; never raises, whatever JSON they hold.

        A missing variable, field or element is null, and so is the whole value when evaluating takes more
        work than is allowed. Instants come out as RFC 3339 text, spans as seconds ("5400s").
        """
        compiled = self.compiled
        frame = Frame(scope, now_ms, compiled.slot_count)
        try:
            value = compiled.program(frame)
            return to_json(value, frame) if compiled.makes_values else value
        except (WorkExceededError, RecursionError):
            return None

    def matches(self, scope: Mapping[str, object], *, now_ms: int) -> bool:
        """Tell whether the value counts as true (see `values.is_truthy`)."""
        compiled = self.compiled
        try:
            return is_truthy(compiled.program(Frame(scope, now_ms, compiled.slot_count)))
        except (WorkExceededError, RecursionError):
            return False

    def equalities(self) -> tuple[Equality, ...]:
        """Return the equalities of paths and constants that all hold whenever the expression matches."""
        return top_equalities(self.tree)


def compile_expression(text: str, *, variables: frozenset[str] = VARIABLES) -> Expression:
    """Return the expression, compiled now or taken from the cache.

    Args:
        text: CEL as Inngest uses it, up to 8,192 characters.
        variables: the names it may use; a scope without one of them reads as null.

    Raises:
        InvalidExpressionError: with the position of the fault and what is wrong there.
    """
    return _compile(text, variables)


@lru_cache(maxsize=_CACHED)
def _compile(text: str, variables: frozenset[str]) -> Expression:
    tree = parse(text)
    compiled = compile_tree(tree, text=text, variables=variables)
    return Expression(text=text, variables=variables, tree=tree, compiled=compiled)
