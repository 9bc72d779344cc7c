"""The calls of tools on the shipped pages."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

from support.pages import ROOT, Block, blocks
from support.processes import REPOSITORY

DEFINITIONS: Final[dict[str, dict[str, Any]]] = {
    tool["name"]: tool["inputSchema"]
    for tool in json.loads(
        (REPOSITORY / "tests" / "contract" / "definitions.json").read_text(encoding="utf-8")
    )
}
_NAMED: Final = re.compile(r"`(?P<tool>[a-z_]+)`")
_STARTS: Final = {"event", "functionId"}
_TESTS: Final = {"expect", "mocks", "faults"}


def tool_of(block: Block) -> str:
    """Return the tool that a JSON block is a call of: the page's, the one named last above it, or ""."""
    if block.page.startswith("tools/"):
        tool = block.page.removeprefix("tools/").removesuffix(".md").replace("-", "_")
        return tool if tool in DEFINITIONS else ""
    above = (ROOT / block.page).read_text(encoding="utf-8").splitlines()[: block.line - 2]
    for line in reversed(above):
        if line.startswith(("```", "#")):
            break
        if named := [match["tool"] for match in _NAMED.finditer(line) if match["tool"] in DEFINITIONS]:
            return named[-1]
    return ""


@cache
def calls_of(page: str) -> tuple[dict[str, Any], ...]:
    """Return the calls of `test_function` on a page, without the name that they have as files.

    Where no tool is named above a block, it is one if it starts a function and says what to mock or expect.
    """
    found: list[dict[str, Any]] = []
    for block in blocks("json"):
        if block.page == page and (tool := tool_of(block)) in {"", "test_function"}:
            read = json.loads(block.code)
            if tool or (isinstance(read, dict) and read.keys() & _STARTS and read.keys() & _TESTS):
                found.append({key: value for key, value in read.items() if key != "name"})
    return tuple(found)
