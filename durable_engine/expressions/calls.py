"""Calls in an expression: finding the function or macro, and checking the arguments as far as one can."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Protocol

from durable_engine.errors import InvalidExpressionError
from durable_engine.expressions import syntax
from durable_engine.expressions.frame import Program
from durable_engine.expressions.functions import FUNCTIONS, UNSUPPORTED, Function
from durable_engine.expressions.macros import MACROS, BodyCompiler, has_program, macro_program


class CallCompiler(BodyCompiler, Protocol):
    """What a call needs of the compiler, and tells it."""

    makes_values: bool


def call_program(compiler: CallCompiler, node: syntax.Call) -> Program:
    """Return the program of a call.

    Raises:
        InvalidExpressionError: no such function, or arguments it cannot take.
    """
    name = node.function
    if name == "has" and not node.has_receiver:
        return has_program(compiler, node)
    if name in MACROS and node.has_receiver:
        compiler.makes_values = True
        return macro_program(compiler, node)
    function = FUNCTIONS.get(name)
    if function is None:
        raise _unknown_function(node)
    _check_count(function, node)
    _check_literal(function, node)
    compiler.makes_values = True
    arguments = [compiler.compile(child) for child in node.children]
    call = function.call
    return lambda frame: call(frame, [argument(frame) for argument in arguments])


def _check_count(function: Function, node: syntax.Call) -> None:
    given = len(node.children)
    if function.least <= given <= function.most:
        return
    wanted = f"{function.least} to {function.most} arguments"
    if function.most == function.least:
        wanted = "1 argument" if function.least == 1 else f"{function.least or 'no'} arguments"
    counted = ", the receiver included" if node.has_receiver else ""
    raise InvalidExpressionError(
        f"{node.function}() at position {node.function_start} takes {wanted}{counted}, not {given}",
        position=node.function_start,
    )


def _check_literal(function: Function, node: syntax.Call) -> None:
    if len(node.children) <= function.checked:
        return
    argument = node.children[function.checked]
    fault = function.literal_fault(argument.value) if isinstance(argument, syntax.Literal) else ""
    if fault:
        raise InvalidExpressionError(
            f"{node.function}() at position {node.function_start}: {fault}", position=argument.start
        )


def _unknown_function(node: syntax.Call) -> InvalidExpressionError:
    message = f"{node.function!r} at position {node.function_start} is not a function"
    if node.function in UNSUPPORTED:
        message = f"{node.function}() at position {node.function_start} is not supported: values are JSON"
    elif close := get_close_matches(node.function, [*FUNCTIONS, *MACROS, "has"], n=1):
        message += f"; did you mean {close[0]}?"
    return InvalidExpressionError(message, position=node.function_start)
