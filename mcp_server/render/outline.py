"""A result as text: the same facts as the structured answer, as an indented outline.

What comes from users' code stands in JSON quotes on one line, so it cannot pass for a sentence of ours
or forge another line.
"""

from __future__ import annotations

import re
from typing import Any

from mcp_server.clean import as_one_line_json, flat

_OURS = frozenset(
    {
        "next",
        "how",
        "truncated",
        "notes",
        "suggestions",
        "warning",
        "warnings",
        "mocked",
        "unusedMocks",
        "standingMocks",
    }
)
PAYLOADS = frozenset(
    {
        "output",
        "input",
        "eventData",
        "flowControl",
        "cancelOn",
        "timeouts",
        "details",
        "was",
        "now",
        "expected",
        "actual",
    }
)
"""Fields whose values are the user's, of any form."""
_PLAIN = re.compile(r"[\w .:/@*+()#~=&?%-]{1,200}", re.ASCII)


def outline(facts: dict[str, Any]) -> str:
    """Return the outline: the message first, `next` last, the rest in between in its own order."""
    rest = {key: value for key, value in facts.items() if key not in {"message", "next"}}
    lines = [flat(str(facts["message"])), *_fields(rest, "")]
    if "next" in facts:
        lines.append(f"next: {flat(facts['next'])}")
    return "\n".join(lines)


def _fields(facts: dict[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in facts.items():
        lines += _field(key, value, indent)
    return lines


def _field(key: str, value: Any, indent: str) -> list[str]:
    if key in PAYLOADS or not isinstance(value, dict | list):
        return [f"{indent}{_name(key)}: {_scalar(key, value)}"]
    if isinstance(value, dict):
        return [f"{indent}{_name(key)}: {_inline(value)}".rstrip(), *_nested(value, indent + "  ")]
    if not any(isinstance(item, dict) for item in value):
        return [f"{indent}{_name(key)}: {', '.join(_scalar(key, item) for item in value) or 'none'}"]
    lines = [f"{indent}{_name(key)}:"]
    for item in value:
        lines += [f"{indent}- {_inline(item)}", *_nested(item, indent + "  ")]
    return lines


def _inline(item: dict[str, Any]) -> str:
    return "; ".join(
        f"{_name(key)}: {_scalar(key, value)}" for key, value in item.items() if not _is_block(key, value)
    )


def _nested(item: dict[str, Any], indent: str) -> list[str]:
    return _fields({key: value for key, value in item.items() if _is_block(key, value)}, indent)


def _is_block(key: str, value: Any) -> bool:
    return key in PAYLOADS or isinstance(value, dict | list)


def _name(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else as_one_line_json(key)


def _scalar(key: str, value: Any) -> str:
    if key in PAYLOADS:
        return as_one_line_json(value)
    if isinstance(value, str) and key in _OURS:
        return flat(value)
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else as_one_line_json(value)
