"""CEL expressions as Inngest defines them: trigger filters, wait and cancel conditions, flow-control keys.

Text is parsed with cel-python's grammar and compiled once to closures over plain JSON. Nothing here reads a
clock or the network, and evaluating never raises.
"""

from __future__ import annotations

from durable_engine.expressions.equality import Constant, Equality, index_key
from durable_engine.expressions.explain import explain_mismatch
from durable_engine.expressions.expression import VARIABLES, Expression, compile_expression
from durable_engine.expressions.lookup import WaitKey, incoming_key, wait_key
from durable_engine.expressions.paths import Path
from durable_engine.expressions.values import as_text, is_truthy

__all__ = [
    "VARIABLES",
    "Constant",
    "Equality",
    "Expression",
    "Path",
    "WaitKey",
    "as_text",
    "compile_expression",
    "explain_mismatch",
    "incoming_key",
    "index_key",
    "is_truthy",
    "wait_key",
]
