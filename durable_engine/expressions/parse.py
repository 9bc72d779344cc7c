"""Text to syntax tree, and what to tell someone whose text does not parse."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from durable_engine.errors import InvalidExpressionError
from durable_engine.expressions.syntax import Node

if TYPE_CHECKING:
    from lark import Lark
    from lark.exceptions import UnexpectedInput

MAX_TEXT = 8_192

_WORDS = {"and": "&&", "or": "||", "not": "!", "is": "==", "equals": "=="}
_CHARACTERS = {
    "=": "values are compared with ==",
    "&": "both sides are required with &&",
    "|": "either side is accepted with ||",
    '"': "the string that starts here is never closed",
    "'": "the string that starts here is never closed",
    "`": "a string is written \"text\" or 'text'",
}


def parse(text: str) -> Node:
    """Return the syntax tree of an expression.

    Source: the CEL grammar as cel-python ships it; after a dot, any word is a name, also a reserved one.

    Raises:
        InvalidExpressionError: empty, too long, nested too deeply, or not CEL.
    """
    if not text.strip():
        raise InvalidExpressionError("the expression is empty", position=0)
    if len(text) > MAX_TEXT:
        raise InvalidExpressionError(
            f"the expression is {len(text)} characters long; {MAX_TEXT} are allowed", position=MAX_TEXT
        )
    from lark.exceptions import UnexpectedInput  # noqa: PLC0415 - see _parser

    try:
        return cast("Node", _parser().parse(text))
    except UnexpectedInput as fault:
        raise _syntax_error(text, fault) from None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    # Imported on first use: lark and its grammar cost 150 ms, and many engines never see an expression.
    from durable_engine.expressions.grammar import load_parser  # noqa: PLC0415

    return load_parser()


def _syntax_error(text: str, fault: UnexpectedInput) -> InvalidExpressionError:
    token = getattr(fault, "token", None)
    position = len(text) if token is not None and token.type == "$END" else fault.pos_in_stream or 0
    if position >= len(text):
        return InvalidExpressionError(
            "the expression ends where a value, an operator or a closing bracket is missing",
            position=len(text),
        )
    found = str(token) if token is not None else text[position]
    message = f"{found[:40]!r} at position {position} is not expected here"
    if found in _WORDS:
        message += f"; write {_WORDS[found]}"
    elif found[0] in _CHARACTERS and token is None:
        message += f"; {_CHARACTERS[found[0]]}"
    return InvalidExpressionError(message, position=position)
