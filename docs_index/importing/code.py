"""Take code out of a text before its markup is read, and put it back afterwards.

In between, a piece of code is one private mark, so that nothing in it can be taken for markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from docs_index import sdks

_OPEN: Final = "\x00"
_CLOSE: Final = "\x01"
MARK: Final = re.compile(f"{_OPEN}[bic]([0-9]+){_CLOSE}")
BLOCK: Final = re.compile(f"{_OPEN}b([0-9]+){_CLOSE}")
"""A code block, as against code within a line."""

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_FENCE: Final = (
    r"(?m:^)(?P<before>[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)]|>)[ \t]+)*)(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})"
)
_NEXT: Final = re.compile(
    rf"{_FENCE}|(?P<ticks>`+)|(?P<jsx>\{{/\*)|(?P<html><!--)|(?P<escape>\\[`<{{])", re.MULTILINE
)
_SDK_COMMENT: Final = re.compile(r"<!--\s*/?sdk\b[^>]*-->")
_COMMENT_END: Final = re.compile(r"\*/\s*\}")
_LABEL: Final = re.compile(r"""\b(?:title|filename|label|name)\s*[:=]\s*(?:"([^"\n]*)"|'([^'\n]*)')""")
_LANGUAGE: Final = re.compile(r"[\w+#.-]*")


class Code:
    """The code of one text, by the number in its mark."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._has_comment_end = True

    def take_out(self, text: str) -> str:
        """Return the text with code as marks and without comments.

        A fence or a comment that is never closed runs to the end, or is text, respectively.
        """
        text = _CONTROLS.sub("", text)
        pieces: list[str] = []
        position = 0
        while found := _NEXT.search(text, position):
            pieces.append(text[position : found.start()])
            kind = found.lastgroup or ""
            piece, position = self._reader(kind)(text, found)
            pieces.append(piece)
        return "".join([*pieces, text[position:]])

    def put_back(self, text: str) -> str:
        """Return the text with the code where its marks are, blocks in line with their marks."""
        lines: list[str] = []
        for line in text.split("\n"):
            block = BLOCK.search(line)
            if block is None:
                lines.append(self._inline(line))
                continue
            before = self._inline(line[: block.start()])
            # What stands before the code of a list is its bullet; the code is as far in as that is wide.
            indent = "".join(character if character in " \t>" else " " for character in before)
            body = self._kept[int(block[1])].split("\n")
            lines += [
                before + body[0],
                *((indent + row).rstrip() if not row else indent + row for row in body[1:]),
            ]
            rest = self._inline(line[block.end() :])
            lines += [rest] if rest.strip() else []
        return "\n".join(lines)

    def fence(self, text: str) -> str:
        """Return the mark of a new block without a language that shows the text."""
        return self._keep("b", f"```\n{text}\n```")

    def _inline(self, text: str) -> str:
        return MARK.sub(lambda mark: self._kept[int(mark[1])], text)

    def _keep(self, kind: str, code: str) -> str:
        self._kept.append(code)
        return f"{_OPEN}{kind}{len(self._kept) - 1}{_CLOSE}"

    def _reader(self, kind: str) -> Callable[[str, re.Match[str]], tuple[str, int]]:
        return {
            "fence": self._read_fence,
            "ticks": self._read_ticks,
            "jsx": self._read_jsx_comment,
            "html": self._read_html_comment,
        }.get(kind, self._read_escape)

    def _read_fence(self, text: str, found: re.Match[str]) -> tuple[str, int]:
        mark, before = found["fence"], found["before"]
        opening_end = _line_end(text, found.end())
        closing = re.compile(rf"^[ \t>]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$", re.MULTILINE)
        closed = closing.search(text, min(opening_end + 1, len(text)))
        body = text[opening_end + 1 : closed.start() if closed else len(text)].split("\n")
        if closed:
            body.pop()  # what stands before the closing fence is no line of code
        language, label = read_info(text[found.end() : opening_end])
        column = len(before)
        code = self._keep("b", "\n".join([mark + language, *(_dedented(row, column) for row in body), mark]))
        end = closed.end() if closed else len(text)
        if not label:
            return before + code, end
        titled = f"**{label}**\n\n{_blank(before)}{code}"
        sdk = "" if sdks.named(language) else sdk_of(label)
        return before + (sdk_region(sdk, titled) if sdk else titled), end

    def _read_ticks(self, text: str, found: re.Match[str]) -> tuple[str, int]:
        ticks = found["ticks"]
        closing = re.compile(rf"(?<!`){ticks}(?!`)")
        paragraph = text.find("\n\n", found.end())
        closed = closing.search(text, found.end(), len(text) if paragraph < 0 else paragraph)
        if closed is None:
            return self._keep("i", ticks), found.end()
        return self._keep("i", text[found.start() : closed.end()]), closed.end()

    def _read_jsx_comment(self, text: str, found: re.Match[str]) -> tuple[str, int]:
        end = _COMMENT_END.search(text, found.end()) if self._has_comment_end else None
        self._has_comment_end = end is not None  # none here, none further down
        return ("", end.end()) if end else (self._keep("i", found[0]), found.end())

    def _read_html_comment(self, text: str, found: re.Match[str]) -> tuple[str, int]:
        end = text.find("-->", found.end())
        if end < 0:
            return self._keep("i", found[0]), found.end()
        comment = text[found.start() : end + 3]
        return (self._keep("c", comment) if _SDK_COMMENT.fullmatch(comment) else ""), end + 3

    def _read_escape(self, _: str, found: re.Match[str]) -> tuple[str, int]:
        return self._keep("i", found[0]), found.end()


def read_info(info: str) -> tuple[str, str]:
    """Return (language, label) of what stands behind the ticks of a fence: `ts {{ title: "main.ts" }}`."""
    info = info.strip()
    language = _LANGUAGE.match(info)
    named = _LABEL.search(info)
    label = (named[1] or named[2] or "").strip() if named else ""
    name = language[0] if language else ""
    rest = info[len(name) :].strip()
    if not label and rest and not re.search(r"[{}=]", rest):
        label = rest  # as Mintlify writes it: ```ts src/main.ts
    return name, label


def sdk_of(label: str) -> str:
    """Return the SDK that the label of a tab begins with, as in "Python (Flask)", or ""."""
    found = re.match(r"([\w.]+)\s*(?:[(\-\u2013\u2014:,/|]|v\s?\d|SDK\b|$)", label.strip(), re.IGNORECASE)
    return (sdks.named(found[1].replace(".", "")) or "") if found else ""


def sdk_region(sdk: str, text: str) -> str:
    """Return the text between the comments that say which SDK it is for."""
    return f"<!-- sdk: {sdk} -->\n\n{text}\n\n<!-- /sdk -->"


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _dedented(row: str, column: int) -> str:
    """Take up to `column` characters of indentation, or of quotation, from a row."""
    for _ in range(column):
        if row[:1] not in {" ", "\t", ">"} or not row:
            break
        row = row[1:]
    return row


def _blank(before: str) -> str:
    return "".join(character if character in " \t>" else " " for character in before)
