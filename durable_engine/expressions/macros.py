"""The macros: has(), and those that run an expression for each element of a list or each key of a map.

Source: CEL language definition, section Macros. As everywhere here, what CEL makes an error is null: so all()
and exists() on a missing list count as false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias

from durable_engine.errors import InvalidExpressionError
from durable_engine.expressions import syntax
from durable_engine.expressions.frame import Frame, Program
from durable_engine.expressions.paths import has_entry
from durable_engine.expressions.values import is_truthy


class BodyCompiler(Protocol):
    """What a macro needs of the compiler."""

    def compile(self, node: syntax.Node) -> Program:
        """Return the program of a node."""

    def compile_body(self, node: syntax.Node, variable: str) -> tuple[Program, int]:
        """Return the program of a macro's body and the slot from which it reads its variable."""


# A macro's result from its steps: each step sets the macro variable, and the bodies are evaluated in between.
_Steps: TypeAlias = Iterator[object]
_Combine: TypeAlias = Callable[[_Steps, Frame, list[Program]], object]


def _all(steps: _Steps, frame: Frame, bodies: list[Program]) -> object:
    return all(is_truthy(bodies[0](frame)) for _ in steps)


def _exists(steps: _Steps, frame: Frame, bodies: list[Program]) -> object:
    return any(is_truthy(bodies[0](frame)) for _ in steps)


def _exists_one(steps: _Steps, frame: Frame, bodies: list[Program]) -> object:
    return sum(is_truthy(bodies[0](frame)) for _ in steps) == 1


def _filter(steps: _Steps, frame: Frame, bodies: list[Program]) -> object:
    return [element for element in steps if is_truthy(bodies[0](frame))]


def _map(steps: _Steps, frame: Frame, bodies: list[Program]) -> object:
    *conditions, result = bodies
    return [result(frame) for _ in steps if all(is_truthy(condition(frame)) for condition in conditions)]


_COMBINE: dict[str, _Combine] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "existsOne": _exists_one,
    "filter": _filter,
    "map": _map,
}
MACROS = frozenset(_COMBINE)


def macro_program(compiler: BodyCompiler, node: syntax.Call) -> Program:
    """Return the program of `range.macro(variable, body)`; map() also takes a condition before its body.

    Raises:
        InvalidExpressionError: other arguments than these.
    """
    name, at = node.function, node.function_start
    source_node, *arguments = node.children
    if len(arguments) != 2 and not (name == "map" and len(arguments) == 3):
        raise InvalidExpressionError(
            f"{name}() at position {at} takes a variable and an expression, as in items.{name}(i, i > 1)",
            position=at,
        )
    variable, *body_nodes = arguments
    if not isinstance(variable, syntax.Name):
        raise InvalidExpressionError(
            f"the first argument of {name}() at position {variable.start} must be a plain variable name",
            position=variable.start,
        )
    source = compiler.compile(source_node)
    compiled = [compiler.compile_body(body, variable.name) for body in body_nodes]
    bodies, slot = [program for program, _ in compiled], compiled[0][1]
    cost, combine = sum(body.size for body in body_nodes), _COMBINE[name]

    def steps(elements: list[object], frame: Frame) -> _Steps:
        for element in elements:
            frame.charge(cost)
            frame.slots[slot] = element
            yield element

    def run(frame: Frame) -> object:
        elements = source(frame)
        if isinstance(elements, dict):
            elements = list(elements)
        return combine(steps(elements, frame), frame, bodies) if isinstance(elements, list) else None

    return run


def has_program(compiler: BodyCompiler, node: syntax.Call) -> Program:
    """Return the program of `has(base.field)`: the field is there, even when its value is null.

    Raises:
        InvalidExpressionError: the argument is not a field of something.
    """
    argument = node.children[0] if len(node.children) == 1 else None
    if not isinstance(argument, syntax.Select):
        raise InvalidExpressionError(
            f"has() at position {node.start} takes one field, as in has(event.data.id)", position=node.start
        )
    base = compiler.compile(
        syntax.Select(
            start=argument.start, end=argument.end, children=argument.children, keys=argument.keys[:-1]
        )
    )
    last = argument.keys[-1]
    return lambda frame: has_entry(base(frame), last)
