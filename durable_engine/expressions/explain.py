"""Why an expression is not true for some values, in one sentence with the values that decided it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from durable_engine.expressions import syntax
from durable_engine.expressions.compile import Compiled, compile_tree
from durable_engine.expressions.expression import Expression
from durable_engine.expressions.frame import Frame, WorkExceededError
from durable_engine.expressions.macros import MACROS
from durable_engine.expressions.paths import path_of
from durable_engine.expressions.syntax import MAX_DEPTH, Node
from durable_engine.expressions.values import Duration, Timestamp, is_truthy, kind_of

_SHOWN_CHARACTERS = 80
_SHOWN_FACTS = 4
_ORDERINGS = ("<", "<=", ">", ">=")
_CACHED = 256


def explain_mismatch(expression: Expression, scope: Mapping[str, object], *, now_ms: int) -> str | None:
    """Return why the expression is not true, None when it is.

    The sentence names the first clause that is false and the values in it, each cut to 80 characters:
    `event.data.amount > 100 is false: event.data.amount is 42`.
    """
    if expression.matches(scope, now_ms=now_ms):
        return None
    explanation = _Explanation(expression, scope, Frame(scope, now_ms, MAX_DEPTH))
    try:
        return explanation.sentence(explanation.first_false(expression.tree))
    except (WorkExceededError, RecursionError):
        return f"{explanation.text(expression.tree)} is not true; it takes too much work to say why"


@dataclass(frozen=True, slots=True)
class _Explanation:
    expression: Expression
    scope: Mapping[str, object]
    frame: Frame

    def value(self, node: Node) -> object:
        return _compiled(node, self.expression.text, self.expression.variables).program(self.frame)

    def text(self, node: Node) -> str:
        return _cut(" ".join(self.expression.text[node.start : node.end].split()))

    def first_false(self, node: Node) -> Node:
        if isinstance(node, syntax.Logic) and node.operator == "&&":
            return self.first_false(
                next(child for child in node.children if not is_truthy(self.value(child)))
            )
        return node

    def sentence(self, clause: Node) -> str:
        text, result = self.text(clause), self.value(clause)
        if path_of(clause) is not None:
            return f"{self.fact(clause)}, which counts as false"
        facts = {self.text(node): self.fact(node) for node in _subjects(clause)}
        verdict = "is false" if result is False else f"is {_shown(result)}, which counts as false"
        reason = ", ".join(list(facts.values())[:_SHOWN_FACTS])
        return f"{text} {verdict}{': ' if reason else ''}{reason}{self.kind_note(clause)}"

    def fact(self, node: Node) -> str:
        path = path_of(node)
        if path is not None and not path.is_present(self.scope):
            return f"{self.text(node)} is missing"
        return f"{self.text(node)} is {_shown(self.value(node))}"

    def kind_note(self, clause: Node) -> str:
        """Point out a comparison of two kinds of values, which is false whatever the values."""
        if not isinstance(clause, syntax.Compare) or clause.operator not in ("==", *_ORDERINGS):
            return ""
        left, right = (kind_of(self.value(child)) for child in clause.children)
        if left == right or "null" in (left, right):
            return ""
        verb = "equal to" if clause.operator == "==" else "above or below"
        return f" (a {left} is never {verb} a {right})"


@lru_cache(maxsize=_CACHED)
def _compiled(node: Node, text: str, variables: frozenset[str]) -> Compiled:
    """Return a part of an expression, compiled: the same few are explained event after event."""
    return compile_tree(node, text=text, variables=variables)


def _subjects(node: Node) -> Iterator[Node]:
    """Yield the parts whose values explain the value of a node."""
    if isinstance(node, syntax.Compare):
        yield from (child for child in node.children if not _is_constant(child))
    elif isinstance(node, syntax.Logic | syntax.Not | syntax.Conditional):
        for child in node.children:
            yield from _subjects(child)
    elif isinstance(node, syntax.Call) and (node.function in MACROS or node.function == "has"):
        # The other children of a macro have no value outside it; of has(), the field is what is missing.
        yield node.children[0]
    elif path_of(node) is not None:
        yield node
    else:
        yield from (child for child in node.children if not _is_constant(child))


def _is_constant(node: Node) -> bool:
    is_literal = isinstance(node, syntax.Literal | syntax.ListLiteral | syntax.MapLiteral)
    return is_literal and all(map(_is_constant, node.children))


def _shown(value: object) -> str:
    """Return the value as JSON, cut; a large one is never written out in full."""
    if isinstance(value, Timestamp | Duration):
        return str(value)
    if isinstance(value, str):
        return _cut(json.dumps(value[: _SHOWN_CHARACTERS + 1], ensure_ascii=False))
    text = ""
    for chunk in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value):
        text += chunk[: _SHOWN_CHARACTERS + 1]
        if len(text) > _SHOWN_CHARACTERS:
            break
    return _cut(text)


def _cut(text: str) -> str:
    kept = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
    return kept.encode("utf-8", "backslashreplace").decode()  # a lone surrogate cannot be printed
