"""Turn MDX and HTML in markdown into plain markdown, without losing its words."""

from __future__ import annotations

import re
from typing import Final

from docs_index import fences
from docs_index.importing.code import MARK, Code
from docs_index.importing.components import CALLOUTS
from docs_index.importing.flow import tidy
from docs_index.importing.jsx import balanced, parse, read_tag, unescaped
from docs_index.importing.rendering import Renderer

_ESM: Final = re.compile(
    r"import\s*(?:\{|[\"']|\*\s*as\b|type\b|[\w$]+\s*,\s*\{|[\w$]+\s+from\s*(?:[\"']|$))"
    r"|export\s*(?:(?:const|let|var)\s+[\w${]|(?:default\s+)?(?:async\s+)?(?:function|class)\b"
    r"|default\s*(?:[({]|[\w$]+\s*[;({]?\s*$)|\{|\*|(?:type|interface)\s+\w+\s*[={])"
)
_MAX_STATEMENT_LINES: Final = 300
_LOST_EXPORT: Final = re.compile(
    r"(?P<name>description|title|(?=\w+\s*=\s*(?:true|false)\b)[A-Za-z]\w*)\s*=\s*"
    r"(?:`(?P<t>[^`]*)`|\"(?P<d>[^\"\n]*)\"|'(?P<s>[^'\n]*)'|\x00i[0-9]+\x01|true|false)\s*;?\s*"
)
_COMPONENT: Final = re.compile(
    r"<[A-Z][\w.]*(?:\s[^<>]*)?/?>|^[ \t]*(?:import\s.*from\s|export\s+const\s)", re.MULTILINE
)
_OPENING: Final = re.compile(r"[<{]")
_LITERAL: Final = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)')\s*""")
_ATTRIBUTES: Final = re.compile(r"\{\{\s*[\"']?[\w-]+[\"']?\s*:[^{}\n]*\}\}")
# What Docusaurus and VitePress write: `::: tip Title`, some lines, `:::`.
_CONTAINER: Final = re.compile(
    r"^[ \t]*:{3,}[ \t]*(?:(?P<kind>[a-z][\w-]*)[ \t]*(?:\[(?P<label>[^\]\n]*)\]|(?P<title>[^\n{\[]*)).*)?$",
    re.MULTILINE,
)
_EMPTY_HEADING: Final = re.compile(r"^[ \t]*#{1,6}[ \t]*$", re.MULTILINE)


def to_markdown(text: str, *, is_mdx: bool | None = None) -> str:
    """Return the text with its components and tags as markdown; code stays as it is.

    `is_mdx` says whether braces hold expressions; by itself it is seen from components and imports.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    code = Code()
    marked = code.take_out(text)
    if is_mdx is None:
        is_mdx = "{/*" in text or _COMPONENT.search(marked) is not None
    marked = _without_modules(marked)
    if is_mdx:
        marked = _without_expressions(marked)
    marked = _EMPTY_HEADING.sub("", _ATTRIBUTES.sub("", _CONTAINER.sub(_contained, marked)))
    rendered = Renderer(code).flow(parse(marked, code.put_back))
    return code.put_back(tidy(rendered))


def lost_description(text: str) -> str:
    """Return the description that stands as a bare assignment above a text whose `export` went lost."""
    for block in re.split(r"\n{2,}", text.lstrip("\n"))[:3]:
        found = _LOST_EXPORT.match(block.strip())
        if found and found["name"] == "description":
            return " ".join(unescaped(found["t"] or found["d"] or found["s"] or "").split())
    return ""


def _contained(found: re.Match[str]) -> str:
    """Return the line that stands for the beginning or the end of a container."""
    if not found["kind"]:
        return ""
    title = (found["label"] or found["title"] or "").strip() or CALLOUTS.get(found["kind"], "")
    return f"\n**{title}:**\n" if title else ""


def _without_modules(text: str) -> str:
    """Leave out imports and exports, and the bare assignments that some exporters leave of them."""
    lines = text.lstrip("\n").split("\n")
    kept: list[str] = []
    number = 0
    while number < len(lines):
        begins = not kept or not kept[-1].strip()
        if begins and _ESM.match(lines[number]):
            number = _behind_statement(lines, number)
        else:
            kept.append(lines[number])
            number += 1
    blocks = re.split(r"\n{2,}", "\n".join(kept).lstrip("\n"))
    for place, block in enumerate(blocks[:3]):
        while assigned := _LOST_EXPORT.match(blocks[place]):
            blocks[place] = blocks[place][assigned.end() :]
        if blocks[place].strip() and blocks[place] == block and not block.startswith("#"):
            break
    return "\n\n".join(blocks)


def _behind_statement(lines: list[str], start: int) -> int:
    """Return the line behind the statement that begins at `start`; at most it goes to the paragraph's end."""
    depth = 0
    for number in range(start, min(len(lines), start + _MAX_STATEMENT_LINES)):
        line = lines[number]
        depth += sum(line.count(opening) for opening in "{([") - sum(line.count(closing) for closing in "})]")
        if depth <= 0:
            return number + 1
    return next((number for number in range(start, len(lines)) if not lines[number].strip()), len(lines))


def _without_expressions(text: str) -> str:
    """Replace expressions in braces by what they show, as far as that can be seen."""
    pieces: list[str] = []
    position = 0
    while found := _OPENING.search(text, position):
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
        return literal[1] or literal[2] or ""
    if MARK.fullmatch(inner.strip()):
        return inner.strip()  # a template
    if "<" in inner and ">" in inner:
        return inner[inner.index("<") : inner.rindex(">") + 1]
    if (
        inner.strip().startswith("#")
        or re.match(r"[\w/@-]|[.:]\w", text[end : end + 2])
        or text[start - 1 : start] in {"/", "-", "_", "$"}
    ):
        return text[start:end]  # {#anchor}, or a part of a path such as /users/{id}/runs
    return ""


def headings_outside_code(text: str) -> list[int]:
    """Return where the headings of the first level begin that are not code."""
    starts = []
    position = 0
    for line, kind, _ in fences.kinds(text.splitlines(keepends=True)):
        if kind == "text" and re.match(r"#[ \t]+\S", line):
            starts.append(position)
        position += len(line)
    return starts
