"""The reference of all tools, written from their definitions; and these, as `tools/list` answers them.

`make reference` writes `docs/tools.md` and `tests/contract/definitions.json`, and a test fails when they are
not what the definitions say: each change of what assistants are told is seen in a review. The reference is no
page of the documentation that is searched, as assistants have the definitions already.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp.server.mcpserver.tools import Tool

from mcp_server.tools.catalog import definitions
from mcp_server.toolsets import Toolset

_HEAD: Final = """\
# Tools

Written by `make reference` from the definitions that an assistant gets.
What the answers mean is on the page of each tool.
Every answer has a `message`, and a `next` that names a useful call if there is one.
"""
_LEFT_OUT: Final = frozenset({"message", "next"})


def tool_reference(tools: Mapping[Toolset, Sequence[Tool]]) -> str:
    """Return the page, as markdown, for tools by toolset."""
    parts = [_HEAD]
    for toolset, members in tools.items():
        parts.append(f"## Toolset {toolset}\n")
        parts += [_entry(tool) for tool in members]
    return "\n".join(parts)


def _entry(tool: Tool) -> str:
    required = frozenset(tool.parameters.get("required", ()))
    rows = [_row(name, schema, is_required=name in required) for name, schema in _properties(tool).items()]
    table = ["| argument | type | meaning |", "|---|---|---|", *rows] if rows else ["No arguments."]
    keys = [key for key in (tool.output_schema or {}).get("properties", {}) if key not in _LEFT_OUT]
    page = f"../docs_index/corpus/tools/{tool.name.replace('_', '-')}.md"
    lines = [f"### {tool.name}", "", f"{tool.title}; {_effect(tool)}. See [its page]({page}).", ""]
    lines += [line for paragraph in tool.description.split("\n") for line in (paragraph, "")]
    return "\n".join([*lines, *table, "", f"Answer: {', '.join(f'`{key}`' for key in keys)}.", ""])


def _properties(tool: Tool) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = tool.parameters.get("properties", {})
    return properties


def _row(name: str, schema: Mapping[str, Any], *, is_required: bool) -> str:
    default = f"; {_shown(schema['default'])} by default" if "default" in schema else ""
    kind = f"{_kind(schema)}{', required' if is_required else default}"
    meaning = str(schema["description"]).replace("|", "\\|")
    return f"| `{name}` | {kind} | {meaning} |"


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{choice}`" for choice in schema["enum"])
    kind = str(schema["type"])
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        return f"{kind}, {low} to {high}" if high is not None else f"{kind}, from {low}"
    if "maxItems" in schema:
        return f"{kind} of at most {schema['maxItems']}"
    return kind


def _shown(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _effect(tool: Tool) -> str:
    hints = tool.annotations
    if hints is None or hints.read_only_hint:
        return "changes nothing"
    return "may change or end what is there" if hints.destructive_hint else "adds, and ends nothing"


def tool_definitions(tools: Mapping[Toolset, Sequence[Tool]]) -> str:
    """Return the definitions as JSON, a tool after the other."""
    shown = [
        {
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "inputSchema": tool.parameters,
            "outputSchema": tool.output_schema,
            "annotations": tool.annotations.model_dump(by_alias=True, exclude_none=True)
            if tool.annotations
            else None,
        }
        for members in tools.values()
        for tool in members
    ]
    return json.dumps(shown, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write = tool_definitions if sys.argv[1:] == ["definitions"] else tool_reference
    sys.stdout.write(write(definitions()))
