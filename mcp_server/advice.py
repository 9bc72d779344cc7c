"""What an answer advises, kept to the tools that are offered."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from mcp.types import CallToolResult, ContentBlock, TextContent

from mcp_server.render.outline import PAYLOADS, outline

_PART: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^";]|;(?!\s)|")+')
"""One of several pieces of advice; what stands in JSON quotes does not end it."""
_VALUE: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LISTS: Final = frozenset({"whatToDo", "suggestions"})
_NOT_OURS: Final = PAYLOADS | {"error", "data"}
_SENTENCE_END: Final = re.compile(r"(?<=[.!?]) (?=\w)")


def without_hidden(answer: CallToolResult, hidden: Collection[str]) -> CallToolResult:
    """Leave out of all advice in an answer, in both channels, and of a refusal what names a hidden tool."""
    if answer.is_error:
        return answer.model_copy(
            update={"content": [_only_offered(block, hidden) for block in answer.content]}
        )
    facts = answer.structured_content or {}
    kept = _kept_fields(facts, hidden) if hidden else facts
    if kept == facts:
        return answer
    content = [
        block.model_copy(update={"text": _retold(block.text, facts, kept)})
        if isinstance(block, TextContent)
        else block
        for block in answer.content
    ]
    return answer.model_copy(update={"content": content, "structured_content": kept})


def _retold(text: str, facts: dict[str, Any], kept: dict[str, Any]) -> str:
    if "message" in facts and text == outline(facts):
        return outline(kept)
    if facts.get("next") == kept.get("next"):
        return text
    line = f"\nnext: {kept['next']}" if "next" in kept else ""
    return text.replace(f"\nnext: {facts['next']}", line, 1)


def _kept_fields(facts: dict[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    kept = {key: _kept(key, value, hidden) for key, value in facts.items()}
    return {key: value for key, value in kept.items() if value is not None or facts[key] is None}


def _kept(key: str, value: Any, hidden: Collection[str]) -> Any:
    """Return what is left of a field; None for nothing."""
    if key in {"next", "how"} and isinstance(value, str):
        sentences = _SENTENCE_END.split(value) if key == "how" else [value]
        return " ".join(filter(None, (_kept_pieces(text, hidden) for text in sentences))) or None
    if key in _LISTS and isinstance(value, list):
        return [item for item in value if not _names_any(str(item), hidden)] or None
    if key in _NOT_OURS or not isinstance(value, dict | list):
        return value
    if isinstance(value, dict):
        return _kept_fields(value, hidden)
    return [_kept_fields(item, hidden) if isinstance(item, dict) else item for item in value]


def _kept_pieces(advice: str, hidden: Collection[str]) -> str:
    """Return the pieces of a sentence that name no hidden tool."""
    if not _names_any(advice, hidden):
        return advice
    kept = "; ".join(part.strip() for part in _PART.findall(advice) if not _names_any(part, hidden))
    return f"{kept}." if kept and advice.endswith(".") and not kept.endswith(".") else kept


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
