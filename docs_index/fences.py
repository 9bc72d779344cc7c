"""Which lines of markdown are code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "fence", "code"]

OPENING: Final = re.compile(r"^\s*(?P<mark>`{3,}|~{3,})\s*(?P<language>[\w+#-]*)")
"""The line that begins a code block."""


def closes(line: str, mark: str) -> bool:
    """Return whether a line ends the block that began with `mark`."""
    bare = line.strip()
    return bare.startswith(mark) and not bare.strip(mark[0])


def kinds(lines: Iterable[str]) -> Iterator[tuple[str, Kind, str]]:
    """Yield (line, what it is, language of the block that it begins or "") of lines outside of any block."""
    mark = ""
    for line in lines:
        if mark:
            is_end = closes(line, mark)
            mark = "" if is_end else mark
            yield line, "fence" if is_end else "code", ""
        elif opening := OPENING.match(line):
            mark = opening["mark"]
            yield line, "fence", opening["language"]
        else:
            yield line, "text", ""
