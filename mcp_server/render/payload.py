"""Payloads of user code cut to a limit, each cut said where it was made."""

from __future__ import annotations

from typing import Any

from mcp_server.clean import as_json, clean, clean_text
from mcp_server.results.runs import ErrorInfo

_OWN_ERROR_KEYS = {"name", "message", "stack"}


class Cutter:
    """Cuts values to `limit` characters of JSON and counts the cuts.

    A value that fits stays a value. One that does not becomes the beginning of its JSON text, ending in
    a mark that says how much there was.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.cuts = 0

    def value(self, value: Any) -> Any:
        """Return the value, or the beginning of its JSON text."""
        text = value if isinstance(value, str) else as_json(value)
        return clean(value) if len(text) <= self.limit else self._cut(text)

    def text(self, text: str) -> str:
        """Return the text, or its beginning."""
        return clean_text(text) if len(text) <= self.limit else self._cut(text)

    def error(self, error: dict[str, Any] | None) -> ErrorInfo | None:
        """Return an error object of user code with each part cut."""
        if error is None:
            return None
        details = {
            key: value
            for key, value in error.items()
            if key not in _OWN_ERROR_KEYS and value not in (None, "", False)
        }
        return ErrorInfo(
            name=self._part(error.get("name")),
            message=self._part(error.get("message")) or "(no message)",
            stack=self._stack(error.get("stack")),
            details=self.value(details) if details else None,
        )

    def _stack(self, stack: object) -> str | None:
        """Cut a stack in its middle: JavaScript names the place first, Python last."""
        if not isinstance(stack, str) or len(stack) <= self.limit:
            return self._part(stack)
        self.cuts += 1
        tail = self.limit * 2 // 3
        head, end = stack[: self.limit - tail], stack[-tail:]
        mark = f"… [cut: {self.limit:,} of {len(stack):,} characters] …"
        return f"{clean_text(head)}{mark}{clean_text(end)}"

    def _part(self, part: object) -> str | None:
        if part is None or part == "":
            return None
        return self.text(part if isinstance(part, str) else as_json(part))

    def _cut(self, text: str) -> str:
        self.cuts += 1
        return f"{clean_text(text[: self.limit])}… [cut: {self.limit:,} of {len(text):,} characters]"
