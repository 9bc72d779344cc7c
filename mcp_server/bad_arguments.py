"""What was wrong with a call's arguments, in words a caller can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mcp_server.clean import one_line
from mcp_server.nearest import did_you_mean

_MAX_PROBLEMS = 8
_WORDS = {
    "dict_type": 'must be a JSON object such as {"orderId": "o-1"}',
    "string_type": "must be text",
    "list_type": "must be a list",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
}
_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def explain_bad_arguments(tool: str, parameters: Mapping[str, Any], error: ValidationError) -> str:
    """Say what is wrong with each argument, and which arguments the tool knows.

    Args:
        tool: the tool's name.
        parameters: its input schema.
        error: what validation against the schema found.
    """
    known: Mapping[str, Any] = parameters.get("properties", {})
    problems = error.errors(include_url=False)
    lines = [f"Bad arguments for {tool}:"]
    lines += [f"- {_problem(dict(problem), known)}" for problem in problems[:_MAX_PROBLEMS]]
    if len(problems) > _MAX_PROBLEMS:
        lines.append(f"- and {len(problems) - _MAX_PROBLEMS} more")
    required = set(parameters.get("required", ()))
    names = [f"{name} (required)" if name in required else name for name in known]
    lines.append(f"Arguments of {tool}: {', '.join(names) or 'none'}.")
    return "\n".join(lines)


def _problem(problem: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    where = ".".join(one_line(str(part), 60) for part in problem["loc"])
    kind = problem["type"]
    if kind == "extra_forbidden":
        return f"{where}: unknown argument{did_you_mean(where, known)}"
    if kind == "missing":
        return f"{where}: is required. {known.get(where, {}).get('description', '')}".rstrip()
    return f"{where}: {_reason(problem)}; got {_got(problem['input'])}."


def _reason(problem: Mapping[str, Any]) -> str:
    kind = problem["type"]
    if kind in _WORDS:
        return _WORDS[kind]
    message = str(problem["msg"])
    return message.removeprefix("Value error, ").replace("Input should", "must").rstrip(".")


def _got(value: object) -> str:
    name = _NAMES.get(type(value), type(value).__name__)
    if isinstance(value, dict | list | bool) or value is None:
        return name
    return f"{name}, {one_line(repr(value), 60)}"
