"""Syntax tree to program: one Python closure per node, called with the frame of an evaluation.

All faults of the text are found here. A program itself is total: it returns a value for any JSON, and the
only exceptions that leave it are WorkExceededError and RecursionError, which mean that there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import Any

from durable_engine.errors import InvalidExpressionError
from durable_engine.expressions import operators, syntax
from durable_engine.expressions.calls import call_program
from durable_engine.expressions.frame import Frame, Program
from durable_engine.expressions.syntax import Node
from durable_engine.expressions.values import as_text, is_truthy

_ARITHMETIC = {
    "+": operators.add,
    "-": operators.subtract,
    "*": operators.multiply,
    "/": operators.divide,
    "%": operators.modulo,
}
_OTHER_LANGUAGES = {
    "None": "null",
    "nil": "null",
    "undefined": "null",
    "NULL": "null",
    "True": "true",
    "False": "false",
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program, how many slots its macros need, and whether its value may be more than a part of the data.

    Such a value is bounded, and its instants become text, before it leaves; any other is given out as it is.
    """

    program: Program
    slot_count: int
    makes_values: bool


def compile_tree(node: Node, *, text: str, variables: frozenset[str]) -> Compiled:
    """Compile a tree, or a part of one that is not inside a macro.

    Raises:
        InvalidExpressionError: an unknown variable or function, or a call with the wrong arguments.
    """
    compiler = Compiler(text, variables)
    program = compiler.compile(node)
    return Compiled(program, compiler.slot_count, compiler.makes_values)


class Compiler:
    """The state of one compilation: which macro variables are in sight, and what has been met."""

    def __init__(self, text: str, variables: frozenset[str]) -> None:
        self.text = text
        self.variables = variables
        self.macro_variables: list[str] = []
        self.slot_count = 0
        self.makes_values = False

    def compile(self, node: Node) -> Program:
        """Return the program of a node."""
        return _BY_KIND[type(node)](self, node)

    def compile_all(self, nodes: tuple[Node, ...]) -> tuple[Program, ...]:
        """Return the programs of several nodes."""
        return tuple(map(self.compile, nodes))

    def compile_body(self, node: Node, variable: str) -> tuple[Program, int]:
        """Return the program of a macro's body and the slot from which it reads its variable."""
        slot = len(self.macro_variables)
        self.macro_variables.append(variable)
        self.slot_count = max(self.slot_count, slot + 1)
        program = self.compile(node)
        self.macro_variables.pop()
        return program, slot


def _literal(_compiler: Compiler, node: syntax.Literal) -> Program:
    value = node.value
    return lambda _frame: value


def _name(compiler: Compiler, node: syntax.Name) -> Program:
    name = node.name
    for slot in reversed(range(len(compiler.macro_variables))):
        if compiler.macro_variables[slot] == name:
            return lambda frame: frame.slots[slot]
    if name not in compiler.variables:
        raise _unknown_variable(compiler, node)
    return lambda frame: frame.scope.get(name)


def _select(compiler: Compiler, node: syntax.Select) -> Program:
    base, keys = compiler.compile(node.children[0]), node.keys
    if any(isinstance(key, int) for key in keys):
        return lambda frame: reduce(operators.step_into, keys, base(frame))

    def run(frame: Frame) -> object:
        value = base(frame)
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    return run


def _index(compiler: Compiler, node: syntax.Index) -> Program:
    base, key = compiler.compile_all(node.children)
    return lambda frame: operators.step_into(base(frame), key(frame))


def _not(compiler: Compiler, node: syntax.Not) -> Program:
    operand = compiler.compile(node.children[0])
    return lambda frame: not is_truthy(operand(frame))


def _negate(compiler: Compiler, node: syntax.Negate) -> Program:
    operand = compiler.compile(node.children[0])
    return lambda frame: operators.negate(operand(frame))


def _compare(compiler: Compiler, node: syntax.Compare) -> Program:
    left, right = compiler.compile_all(node.children)
    match node.operator:
        case "==":
            return lambda frame: operators.equal(left(frame), right(frame), frame)
        case "!=":
            return lambda frame: not operators.equal(left(frame), right(frame), frame)
        case "in":
            return lambda frame: operators.contains(left(frame), right(frame), frame)
        case symbol:
            ordered = operators.ordering(symbol)
            return lambda frame: ordered(left(frame), right(frame), frame)


def _arithmetic(compiler: Compiler, node: syntax.Arithmetic) -> Program:
    first, *others = compiler.compile_all(node.children)
    steps = tuple(zip((_ARITHMETIC[symbol] for symbol in node.operators), others, strict=True))

    def run(frame: Frame) -> object:
        value = first(frame)
        for apply, operand in steps:
            value = apply(value, operand(frame), frame)
        return value

    return run


def _logic(compiler: Compiler, node: syntax.Logic) -> Program:
    operands = compiler.compile_all(node.children)
    if node.operator == "&&":
        return lambda frame: all(is_truthy(operand(frame)) for operand in operands)
    return lambda frame: any(is_truthy(operand(frame)) for operand in operands)


def _conditional(compiler: Compiler, node: syntax.Conditional) -> Program:
    test, then, otherwise = compiler.compile_all(node.children)
    return lambda frame: then(frame) if is_truthy(test(frame)) else otherwise(frame)


def _list_literal(compiler: Compiler, node: syntax.ListLiteral) -> Program:
    items = compiler.compile_all(node.children)
    compiler.makes_values = True
    return lambda frame: [item(frame) for item in items]


def _map_literal(compiler: Compiler, node: syntax.MapLiteral) -> Program:
    keys, values = compiler.compile_all(node.children[::2]), compiler.compile_all(node.children[1::2])
    compiler.makes_values = True

    def run(frame: Frame) -> object:
        names = [key(frame) for key in keys]
        if not all(map(operators.is_key, names)):
            return None
        return {as_text(name): value(frame) for name, value in zip(names, values, strict=True)}

    return run


_BY_KIND: dict[type[Node], Callable[[Compiler, Any], Program]] = {
    syntax.Literal: _literal,
    syntax.Name: _name,
    syntax.Select: _select,
    syntax.Index: _index,
    syntax.Call: call_program,
    syntax.Not: _not,
    syntax.Negate: _negate,
    syntax.Compare: _compare,
    syntax.Arithmetic: _arithmetic,
    syntax.Logic: _logic,
    syntax.Conditional: _conditional,
    syntax.ListLiteral: _list_literal,
    syntax.MapLiteral: _map_literal,
}


def _unknown_variable(compiler: Compiler, node: syntax.Name) -> InvalidExpressionError:
    known = sorted(compiler.variables.union(compiler.macro_variables))
    message = f"{node.name!r} at position {node.start} is not a variable"
    before = compiler.text[max(0, node.start - 2) : node.start]
    if node.name in _OTHER_LANGUAGES:
        message += f"; write {_OTHER_LANGUAGES[node.name]}"
    elif before[-1:] == "-" and (before[0].isalnum() or before[0] == "_"):
        message += '; a key with a dash is written event.data["a-b"]'
    elif close := get_close_matches(node.name, known, n=1):
        message += f"; did you mean {close[0]}?"
    else:
        message += f"; known are {', '.join(known)}, and text is written in quotes"
    return InvalidExpressionError(message, position=node.start)
