"""The CEL grammar of cel-python, loaded into lark, with our syntax tree built while it parses.

Only the grammar file of `celpy` is read. The package itself is never imported: it pulls in pendulum and
others, and raises the recursion limit of the whole process. Import this module late: lark is slow to load.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from lark import Lark, Token, Transformer
from lark.lexer import PatternRE, TerminalDef

from durable_engine.errors import ConfigError, InvalidExpressionError
from durable_engine.expressions import literals, syntax
from durable_engine.expressions.syntax import Node

_STRING = r"""[rR](?:"[^"\r\n]*"|'[^'\r\n]*')|"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'"""
_LONG_STRING = (
    r'[rR]"""(?:[^"]|"(?!""))*"""|"""(?:[^"\\]|\\[\s\S]|"(?!""))*"""'
    r"|[rR]'''(?:[^']|'(?!''))*'''|'''(?:[^'\\]|\\[\s\S]|'(?!''))*'''"
)
# The grammar's own string patterns can read one escape in two ways, which takes exponential time on an
# unclosed string; its `in`, `true` and `false` also match the start of a longer name.
_TERMINALS = {
    "STRING_LIT": _STRING,
    "MLSTRING_LIT": _LONG_STRING,
    "BYTES_LIT": rf"[bB](?:{_LONG_STRING}|{_STRING})",
    "BOOL_LIT": r"(?:true|false)\b",
    "IN": r"in\b",
}
# Lark tries the higher first: `"""` before `""`, and `true` before a name.
_PRIORITIES = {"BYTES_LIT": 2, "MLSTRING_LIT": 1, "BOOL_LIT": 1}

_Child: TypeAlias = "Node | Token | _HalfRelation | list[Node]"
_Children: TypeAlias = "list[_Child]"
_NodeT = TypeVar("_NodeT", bound=Node)


class _HalfRelation:
    """`left ==`, until the right side is known."""

    def __init__(self, left: Node, operator: Token) -> None:
        self.left = left
        self.operator = str(operator)


def load_parser() -> Lark:
    """Build the parser: about a tenth of a second, once per process."""
    spec = importlib.util.find_spec("celpy")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the package cel-python is not installed", hint="Reinstall stepcue.")
    text = (Path(spec.submodule_search_locations[0]) / "cel.lark").read_text(encoding="utf-8")
    return Lark(
        text,
        parser="lalr",
        start="expr",
        maybe_placeholders=False,
        keep_all_tokens=True,  # the places of brackets are the places of nodes
        edit_terminals=_edit_terminal,
        transformer=_TreeBuilder(),
    )


def _edit_terminal(terminal: TerminalDef) -> TerminalDef:
    if terminal.name in _TERMINALS:
        terminal.pattern = PatternRE(_TERMINALS[terminal.name])
    terminal.priority = _PRIORITIES.get(terminal.name, terminal.priority)
    return terminal


def _nodes(children: _Children) -> tuple[Node, ...]:
    """Return the nodes among the children, those of an expression list included."""
    found: list[Node] = []
    for child in children:
        if isinstance(child, Node):
            found.append(child)
        elif isinstance(child, list):
            found.extend(child)
    return tuple(found)


def _start(child: _Child) -> int:
    return (child.start_pos or 0) if isinstance(child, Token) else cast("Node", child).start


def _end(child: _Child) -> int:
    return (child.end_pos or 0) if isinstance(child, Token) else cast("Node", child).end


def _spanning(kind: type[_NodeT], children: _Children, **fields: object) -> _NodeT:
    return kind(start=_start(children[0]), end=_end(children[-1]), children=_nodes(children), **fields)


class _TreeBuilder(Transformer[Token, Node]):
    """One method per rule of the grammar; lark calls each when the rule is complete, so nothing recurses."""

    def expr(self, children: _Children) -> _Child:
        return children[0] if len(children) == 1 else _spanning(syntax.Conditional, children)

    def conditionalor(self, children: _Children) -> _Child:
        if len(children) == 1:
            return children[0]
        left, operator, right = cast("tuple[Node, Token, Node]", tuple(children))
        if isinstance(left, syntax.Logic) and left.operator == operator:
            left.append(right)
            return left
        return _spanning(syntax.Logic, children, operator=str(operator))

    conditionaland = conditionalor

    def half_relation(self, children: _Children) -> _Child:
        left, operator = children
        return _HalfRelation(cast("Node", left), cast("Token", operator))

    relation_lt = relation_le = relation_gt = relation_ge = half_relation
    relation_eq = relation_ne = relation_in = half_relation
    addition_add = addition_sub = half_relation
    multiplication_mul = multiplication_div = multiplication_mod = half_relation

    def relation(self, children: _Children) -> _Child:
        if len(children) == 1:
            return children[0]
        half, right = cast("tuple[_HalfRelation, Node]", tuple(children))
        return _spanning(syntax.Compare, [half.left, right], operator=half.operator)

    def addition(self, children: _Children) -> _Child:
        if len(children) == 1:
            return children[0]
        half, right = cast("tuple[_HalfRelation, Node]", tuple(children))
        left = half.left
        if isinstance(left, syntax.Arithmetic) and (left.operators[0] in "+-") == (half.operator in "+-"):
            left.operators += (half.operator,)
            left.append(right)
            return left
        return _spanning(syntax.Arithmetic, [left, right], operators=(half.operator,))

    multiplication = addition

    def unary(self, children: _Children) -> _Child:
        if len(children) == 1:
            return children[0]
        operator = cast("Token", children[0])
        return _spanning(syntax.Not if operator == "!" else syntax.Negate, children)

    def only(self, children: _Children) -> _Child:
        return children[0]

    unary_not = unary_neg = member = primary = only

    def member_dot(self, children: _Children) -> _Child:
        base, _, name = children
        return self._select(cast("Node", base), str(name), end=_end(name))

    def member_index(self, children: _Children) -> _Child:
        base, _, key, bracket = children
        if (
            isinstance(key, syntax.Literal)
            and isinstance(key.value, str | int)
            and not isinstance(key.value, bool)
        ):
            return self._select(cast("Node", base), key.value, end=_end(bracket))
        return _spanning(syntax.Index, children)

    def _select(self, base: Node, key: str | int, *, end: int) -> Node:
        if isinstance(base, syntax.Select):
            base.keys += (key,)
            base.end = end
            base.size += 1
            return base
        return syntax.Select(start=base.start, end=end, children=(base,), keys=(key,))

    def member_dot_arg(self, children: _Children) -> _Child:
        name = cast("Token", children[2])
        return _spanning(
            syntax.Call, children, function=str(name), function_start=_start(name), has_receiver=True
        )

    def ident_arg(self, children: _Children) -> _Child:
        name = cast("Token", children[0])
        return _spanning(
            syntax.Call, children, function=str(name), function_start=_start(name), has_receiver=False
        )

    def ident(self, children: _Children) -> _Child:
        return _spanning(syntax.Name, children, name=str(children[-1]))

    # A leading dot names the root scope (CEL, section Name Resolution), the only scope here.
    dot_ident = ident

    def dot_ident_arg(self, children: _Children) -> _Child:
        return self.ident_arg(children[1:])

    def paren_expr(self, children: _Children) -> _Child:
        inner = cast("Node", children[1])
        inner.start, inner.end = _start(children[0]), _end(children[2])
        return inner

    def exprlist(self, children: _Children) -> list[Node]:
        return list(_nodes(children))

    mapinits = fieldinits = exprlist

    def list_lit(self, children: _Children) -> _Child:
        return _spanning(syntax.ListLiteral, children)

    def map_lit(self, children: _Children) -> _Child:
        return _spanning(syntax.MapLiteral, children)

    def member_object(self, children: _Children) -> _Child:
        at = _start(children[1])
        raise InvalidExpressionError(f"message construction at position {at} is not supported", position=at)

    def literal(self, children: _Children) -> _Child:
        return _spanning(syntax.Literal, children, value=_literal_value(cast("Token", children[0])))


def _literal_value(token: Token) -> object:
    position = token.start_pos or 0
    match token.type:
        case "INT_LIT" | "UINT_LIT":
            return literals.integer(token, position)
        case "FLOAT_LIT":
            return literals.floating(token, position)
        case "STRING_LIT" | "MLSTRING_LIT":
            return literals.string(token, position)
        case "BOOL_LIT":
            return token.startswith("t")
        case "NULL_LIT":
            return None
    raise InvalidExpressionError(
        f"bytes at position {position} are not supported: JSON has none", position=position
    )
