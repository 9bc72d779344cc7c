"""Headings for text that its site shows under a choice of SDK, so that no section mixes what belongs apart.

A site shows one language at a time. Written one below the other, the text of the second language, up to its
first heading, would be read as the end of the last section of the first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from docs_index import fences
from docs_index.sections import without_closing

_HEADING: Final = re.compile(r"\s{0,3}(#{1,6})[ \t]+(\S.*)$")
_OPEN: Final = re.compile(r"<!-- sdk: (\w+) -->")
_CLOSE: Final = "<!-- /sdk -->"
_NAMES: Final = {"typescript": "TypeScript", "python": "Python", "go": "Go"}


def with_headings(lines: Sequence[str]) -> list[str]:
    """Return the lines with the heading above a choice repeated where text would stand under a wrong one."""
    result: list[str] = []
    above = ""  # the last heading outside of any region
    inner = 0  # the highest level of the headings within regions since then, 0 for none
    sdk = ""
    is_begun = True  # whether the region, or the text behind it, has its heading or needs none
    for line, kind, _ in fences.kinds(lines):
        is_code = kind == "code"
        opened = None if is_code else _OPEN.fullmatch(line.strip())
        heading = None if is_code else _HEADING.match(line)
        if opened or (not is_code and line.strip() == _CLOSE):
            sdk = opened[1] if opened else ""
            is_begun = inner == 0
        elif heading:
            is_begun = True
            if sdk:
                inner = min(inner or 6, len(heading[1]))
            else:
                above, inner = without_closing(heading[2]), 0
        elif line.strip() and not is_begun:
            is_begun = True
            result += [f"{'#' * inner} {above} ({_NAMES.get(sdk, 'all SDKs')})", ""]
        result.append(line)
    return result
