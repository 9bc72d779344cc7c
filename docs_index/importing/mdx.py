"""Turn MDX and HTML in markdown into plain markdown, without losing its words."""

from __future__ import annotations

import re
from typing import Final

from docs_index.importing.code import Code
from docs_index.importing.flow import tidy
from docs_index.importing.jsx import balanced, parse, read_tag, unescaped
from docs_index.importing.rendering import Renderer

_ESM: Final = re.compile(
    r"(?:import\s*(?:\{|\*|[\"']|[\w$]+\s*(?:,|from\b))|import\s*$"
    r"|export\s+(?:const|let|var|default|function|async|class|type|interface|\{|\*))"
)
_LOST_EXPORT: Final = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\s*=\s*(?:`(?P<t>[^`]*)`|\"(?P<d>[^\"\n]*)\"|'(?P<s>[^'\n]*)'|true|false)\s*;?\s*"
)
_COMPONENT: Final = re.compile(
    r"<[A-Z][\w.]*(?:\s[^<>]*)?/?>|^\s*(?:import\s.*from\s|export\s+const\s)", re.MULTILINE
)
_LITERAL: Final = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|`([^`$]*)`)\s*""")
_ATTRIBUTES: Final = re.compile(r"\{\{\s*[\"']?[\w-]+[\"']?\s*:[^{}\n]*\}\}")
_EMPTY_HEADING: Final = re.compile(r"^[ \t]*#{1,6}[ \t]*$", re.MULTILINE)


def to_markdown(text: str, *, is_mdx: bool | None = None) -> str:
    """Return the text with its components and tags as markdown; code stays as it is.

    `is_mdx` says whether braces hold expressions; by itself it is seen from components and imports.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    has_comments = "{/*" in text
    code = Code()
    marked = code.take_out(text)
    marked = _without_modules(marked)
    if is_mdx or (is_mdx is None and (has_comments or _COMPONENT.search(marked))):
        marked = _without_expressions(marked)
    marked = _EMPTY_HEADING.sub("", _ATTRIBUTES.sub("", marked))
    rendered = Renderer(code).flow(parse(marked, code.put_back))
    return code.put_back(tidy(rendered))


def lost_description(text: str) -> str:
    """Return the description that stands as a bare assignment above a text whose `export` went lost."""
    for block in re.split(r"\n{2,}", text.lstrip("\n"))[:3]:
        found = _LOST_EXPORT.match(block.strip())
        if found and found["name"] == "description":
            return " ".join(unescaped(found["t"] or found["d"] or found["s"] or "").split())
    return ""


def _without_modules(text: str) -> str:
    """Leave out imports and exports, and the bare assignments that some exporters leave of them."""
    blocks = re.split(r"\n{2,}", text.lstrip("\n"))
    kept = []
    for number, block in enumerate(blocks):
        lines = block.split("\n")
        while lines and _ESM.match(lines[0]):
            lines = _behind_statement(lines)
        rest = "\n".join(lines)
        if number < 3:
            while assigned := _LOST_EXPORT.match(rest.lstrip("\n")):
                rest = rest.lstrip("\n")[assigned.end() :]
        kept.append(rest)
    return "\n\n".join(kept)


def _behind_statement(lines: list[str]) -> list[str]:
    """Return the lines behind the statement that begins in the first of them."""
    depth = 0
    for number, line in enumerate(lines, start=1):
        depth += sum(line.count(opening) for opening in "{([") - sum(line.count(closing) for closing in "})]")
        if depth <= 0:
            return lines[number:]
    return []


def _without_expressions(text: str) -> str:
    """Replace expressions in braces by what they show, as far as that can be seen."""
    pieces: list[str] = []
    position = 0
    while found := re.compile(r"[<{]").search(text, position):
        start = found.start()
        pieces.append(text[position:start])
        if found[0] == "<":
            tag = read_tag(text, start)
            position = tag.end if tag else start + 1
            pieces.append(text[start:position])
            continue
        end = balanced(text, start)
        if end < 0:
            pieces.append("{")
            position = start + 1
            continue
        pieces.append(_shown(text, start, end))
        position = end
    return "".join([*pieces, text[position:]])


def _shown(text: str, start: int, end: int) -> str:
    inner = text[start + 1 : end - 1]
    literal = _LITERAL.fullmatch(inner)
    if literal:
        return literal[1] or literal[2] or literal[3] or ""
    if "<" in inner and ">" in inner:
        return inner[inner.index("<") : inner.rindex(">") + 1]
    if (
        inner.strip().startswith("#")
        or re.match(r"[\w/.:@-]", text[end : end + 1])
        or text[start - 1 : start] in {"/", "-", "_", "$"}
    ):
        return text[start:end]  # {#anchor}, or a part of a path such as /users/{id}/runs
    return ""


def headings_outside_code(text: str) -> list[int]:
    """Return where the headings of the first level begin that are not code."""
    fence = ""
    starts = []
    position = 0
    for line in text.splitlines(keepends=True):
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if fence:
            if mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        elif re.match(r"#[ \t]+\S", line):
            starts.append(position)
        position += len(line)
    return starts
