"""The one place where an answer gets its final size: both channels stay under the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mcp.types import CallToolResult, TextContent

from mcp_server.clean import as_json, clean, flat
from mcp_server.render.outline import outline
from mcp_server.results.base import Result

MAX_CHARS = 28_000
"""About 7,000 tokens. Hosts warn at 10,000 and move more than 50,000 characters into a file."""


def reply(result: Result, *, block: str | None = None) -> CallToolResult:
    """Return the result in both channels.

    `block` names a field whose text is shown as it is, after the outline: a page of documentation.
    """
    facts: dict[str, Any] = clean(result.wire())
    facts |= {key: flat(facts[key]) for key in ("message", "next") if key in facts}
    text = outline({key: value for key, value in facts.items() if key != block})
    if block is not None:
        text = f"{text}\n\n{facts[block]}"
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=facts)


def fits(answer: CallToolResult) -> bool:
    """Whether both channels are within the budget."""
    text = sum(len(block.text) for block in answer.content if isinstance(block, TextContent))
    return max(text, len(as_json(answer.structured_content))) <= MAX_CHARS


def first_fit(builds: Iterable[Callable[[], CallToolResult]]) -> CallToolResult:
    """Return the first answer within the budget, or the last, smallest one.

    Args:
        builds: ways to build the answer, from the most to the least that it can show.
    """
    answer: CallToolResult | None = None
    for build in builds:
        answer = build()
        if fits(answer):
            break
    if answer is None:
        raise ValueError("no way to build the answer was given")
    return answer
