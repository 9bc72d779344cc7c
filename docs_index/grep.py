"""Search the pages with a regular expression, in time linear in their size."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docs_index.errors import InvalidPatternError
from docs_index.model import Page
from docs_index.results import GrepMatch

if TYPE_CHECKING:
    import re2

MAX_LIMIT = 200
MAX_CONTEXT = 10
_MAX_PATTERN_CHARS = 1_000
_MAX_LINES = 2_000
_MAX_LINE_CHARS = 400
_LEAD_CHARS = 100
_DEADLINE_S = 0.25
_FIRST_PASS_PER_PAGE = 3
# A larger program takes RE2 more than 100 ms to make.
_MEMORY_BYTES = 3 * 512 * 1024
_NOT_SUPPORTED = (
    "Patterns are RE2: lookahead, lookbehind, backreferences and large repeats do not exist. "
    "Drop them, or escape special characters to search for plain text, such as step\\.run\\(."
)


@dataclass(slots=True)
class Found:
    """Matching lines by page, as (line number, column of the match), and whether the scan ended early."""

    lines: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    stopped: bool = False

    @property
    def total(self) -> int:
        """The number of matching lines."""
        return sum(len(lines) for lines in self.lines.values())


def scan(pages: Iterable[Page], pattern: str) -> Found:
    """Return the lines that match `pattern`, ignoring case, page by page.

    The scan stops at 2,000 lines, and before the next page after 250 ms of work.

    Raises:
        InvalidPatternError: RE2 does not accept the pattern.
    """
    regex = _compile(pattern)
    found = Found()
    left = _MAX_LINES
    deadline = time.thread_time() + _DEADLINE_S  # work, not time: a busy machine finds no less
    for page in pages:
        if found.stopped or time.thread_time() > deadline:
            found.stopped = True
            break
        lines = _matching_lines(regex, page.text.encode("utf-8", "replace"), left + 1)
        if len(lines) > left:
            found.stopped = True
            lines = lines[:left]
        if lines:
            found.lines[page.path] = lines
            left -= len(lines)
    return found


def choose(found: Found, ranks: Mapping[str, float], limit: int) -> list[tuple[str, list[tuple[int, int]]]]:
    """Return at most `limit` lines by page, best page first.

    Each page gives up to three lines first; what is left of the limit then goes to the best pages.
    """
    order = sorted(found.lines, key=lambda path: (-ranks.get(path, 0.0), -len(found.lines[path])))
    shares = dict.fromkeys(order, 0)
    left = limit
    for most in (_FIRST_PASS_PER_PAGE, limit):
        for path in order:
            more = min(len(found.lines[path]), most) - shares[path]
            given = max(0, min(more, left))
            shares[path] += given
            left -= given
    return [(path, found.lines[path][: shares[path]]) for path in order if shares[path]]


def match_at(page: Page, number: int, column: int, context: int) -> GrepMatch:
    """Return line `number` (1-based) of a page with `context` lines on both sides."""
    index = number - 1
    around = next((one for one in page.sections if one.line_start <= number <= one.line_end), None)
    return GrepMatch(
        file=page.path,
        provenance=page.provenance,
        line=number,
        section=around.heading.anchor if around else "",
        content=_cut(page.lines[index], column),
        before=tuple(_cut(line, 0) for line in page.lines[max(0, index - context) : index]),
        after=tuple(_cut(line, 0) for line in page.lines[index + 1 : index + 1 + context]),
    )


def _compile(pattern: str) -> re2._Regexp:
    import re2  # noqa: PLC0415 - 2 MB, and a search needs none

    if not pattern:
        raise InvalidPatternError("The pattern is empty.", hint="Give a word or a regular expression.")
    if len(pattern) > _MAX_PATTERN_CHARS:
        raise InvalidPatternError(
            f"The pattern has {len(pattern):,} characters, and at most {_MAX_PATTERN_CHARS:,} are accepted.",
            hint="Search for a shorter part of it.",
        )
    options = re2.Options()
    options.case_sensitive = False
    options.never_nl = True
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        raw = pattern.encode()
        # The user's pattern alone first: inside a group, "a)(b" would become valid.
        re2.compile(raw, options)
        return re2.compile(b"(?m:" + raw + b")", options)
    except UnicodeEncodeError:
        raise InvalidPatternError(
            "The pattern holds half of a surrogate pair, which is no character.",
            hint="Leave that character out.",
        ) from None
    except re2.error as error:
        raise InvalidPatternError(
            f"The pattern is not valid: {_message(error)}.", hint=_NOT_SUPPORTED
        ) from None


def _message(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    text = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
    return text.rstrip(".") or "RE2 gives no reason"


def _matching_lines(regex: re2._Regexp, text: bytes, most: int) -> list[tuple[int, int]]:
    """Return (line, column in characters) of the first match in each matching line.

    One search over the whole page and a jump to the next line after each match: calling RE2 once a line would
    cost more than the matching itself.
    """
    found: list[tuple[int, int]] = []
    line, line_start = 1, 0
    while line_start < len(text) and len(found) < most:
        match = regex.search(text, line_start)
        # An empty match behind the last line break is on no line.
        if match is None or match.start() >= len(text):
            break
        start = match.start()
        line += text.count(b"\n", line_start, start)
        begin = text.rfind(b"\n", 0, start) + 1
        found.append((line, len(text[begin:start].decode("utf-8", "replace"))))
        end = text.find(b"\n", start)
        if end < 0:
            break
        line_start = end + 1
        line += 1
    return found


def _cut(text: str, column: int) -> str:
    if len(text) <= _MAX_LINE_CHARS:
        return text
    start = 0 if column < _MAX_LINE_CHARS - _LEAD_CHARS else column - _LEAD_CHARS
    part = text[start : start + _MAX_LINE_CHARS]
    return ("…" if start else "") + part + ("…" if start + len(part) < len(text) else "")
