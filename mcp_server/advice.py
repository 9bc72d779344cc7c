"""What an answer advises, kept to the tools that are offered."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from mcp.types import CallToolResult, ContentBlock, TextContent

_PART: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^";]|;(?!\s)|")+')
"""One of several pieces of advice; what stands in JSON quotes does not end it."""
_VALUE: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SENTENCE_END: Final = re.compile(r"(?<=[.!?]) (?=\w)")


def without_hidden(answer: CallToolResult, hidden: Collection[str]) -> CallToolResult:
    """Leave out of `next`, in both channels, and of a refusal what names a tool that is hidden."""
    if answer.is_error:
        return answer.model_copy(
            update={"content": [_only_offered(block, hidden) for block in answer.content]}
        )
    facts = answer.structured_content or {}
    advice = facts.get("next")
    if not isinstance(advice, str) or not _names_any(advice, hidden):
        return answer
    kept = "; ".join(part.strip() for part in _PART.findall(advice) if not _names_any(part, hidden))
    facts = {key: value for key, value in facts.items() if key != "next"} | ({"next": kept} if kept else {})
    line = f"\nnext: {kept}" if kept else ""
    content = [
        block.model_copy(update={"text": block.text.replace(f"\nnext: {advice}", line, 1)})
        if isinstance(block, TextContent)
        else block
        for block in answer.content
    ]
    return answer.model_copy(update={"content": content, "structured_content": facts})


def _only_offered(block: ContentBlock, hidden: Collection[str]) -> ContentBlock:
    if not isinstance(block, TextContent):
        return block
    return block.model_copy(update={"text": only_offered(block.text, hidden)})


def only_offered(refusal: str, hidden: Collection[str]) -> str:
    """Leave out the sentences of a refusal, after the first, that name a tool that is hidden."""
    first, *others = _SENTENCE_END.split(refusal)
    return " ".join([first, *(text for text in others if not _names_any(text, hidden))])


def _names_any(text: str, names: Collection[str]) -> bool:
    return not set(re.findall(r"\w+", _VALUE.sub("", text))).isdisjoint(names)
