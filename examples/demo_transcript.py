"""What the demo prints: questions, tool calls and answers, shortened for a person's eyes."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, Final

WIDTH: Final = 110
MAX_LINES: Final = 24
_LINES_PER_VALUE: Final = 2

# What an assistant gets and a reader of a transcript can do without.
_LINES: Final = (
    "allEnded|appId|attempt|category|count|details|durationMs|endedAt|eventData|eventId|eventName|eventTs|"
    "functionId|functionName|headings|lastSync|line|maxAttempts|next|path|queuedAt|runId|runIds|sdks|section|"
    "size|startedAt|stepCount|title|total|totalLines|totalMatches|totalPages|truncated|why"
)
_FIELDS: Final = (
    "appId|attempt|category|durationMs|endedAt|eventId|excerptLine|functionName|lastSync|line|queuedAt|stack|"
    "startedAt|stepCount|title"
)
_QUOTED_OR_PLAIN: Final = r'(?:"(?:[^"\\]|\\.)*"|[^;\n]*)'
_LEFT_OUT: Final = (
    re.compile(r"^headings:\n(?:- .*\n)+", re.MULTILINE),
    re.compile(rf"^ *(?:{_LINES}): .*\n?", re.MULTILINE),
    re.compile(r"^\w+: (?:0|none)\n", re.MULTILINE),
    re.compile(r"; how: .*$"),
    re.compile(rf"; (?:{_FIELDS}): {_QUOTED_OR_PLAIN}"),
)
_LONG_HASH: Final = re.compile(r"\b([0-9a-f]{7})[0-9a-f]{33}\b")

_PROMPT: Final = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_BOLD: Final = "1"
_BLUE: Final = "34"
_DIM: Final = "2"


class Transcript:
    """Prints to stdout, in colour when that is a terminal."""

    def __init__(self) -> None:
        self._has_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def say(self, text: str = "") -> None:
        """Print a line as it is."""
        print(text, flush=True)

    def heading(self, text: str) -> None:
        """Print the title of a part."""
        self.say(f"\n{self._paint(text, _BOLD)}")

    def question(self, text: str) -> None:
        """Print what a person asks."""
        self.say(f"\n{self._paint(f'{_PROMPT} {text}', _BOLD)}")

    def call(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Print the tool call that the assistant makes of it."""
        shown = ", ".join(
            f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()
        )
        self.say(f"  {self._paint(f'{tool}({shown})', _BLUE)}")

    def answer(self, text: str) -> None:
        """Print the tool's answer, shortened."""
        for line in shorten(text):
            self.say(f"  {self._paint('│', _DIM)} {line}")

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._has_colour else text


def shorten(text: str) -> list[str]:
    """Return the lines worth reading: without bookkeeping, none too wide, not too many."""
    for pattern in _LEFT_OUT:
        text = pattern.sub("", text)
    text = _LONG_HASH.sub(r"\1…", text)
    lines = [part for line in text.splitlines() if line.strip() for part in _wrap(line)]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"… {len(lines) - MAX_LINES + 1} more lines"]
    return lines


def _wrap(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip(" -")))
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent=indent,
        max_lines=_LINES_PER_VALUE,
        placeholder=" …",
        replace_whitespace=False,
        break_on_hyphens=False,
    )
