"""Split the markdown of a page into sections, one per heading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from docs_index import fences, sdks
from docs_index.model import Heading, Section

# Headings inside JSX are indented; a deeply indented single "#" is a comment in an unfenced listing.
_HEADING = re.compile(r"^(?: {0,3}#|\s*#(?=#))(?P<more>#{0,5})[ \t]+(?P<text>\S.*)$")
_SHOWN_FOR = re.compile(r"""\bshow=["'](\w+)["']""")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"<[^>]*>|\{[^}]*\}+|[`*]")
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")
# A longer one is damage, or malice: looking for markup in it would take for ever.
_MAX_HEADING_CHARS = 500


@dataclass(slots=True)
class _Draft:
    """A section while its lines are being read."""

    heading: Heading
    heading_path: tuple[str, ...]
    prose: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    languages: set[str] = field(default_factory=set)
    last_line: int = 0


def anchor_of(text: str) -> str:
    """Return the anchor of a heading text: lower case, words joined by dashes."""
    return "-".join(_NOT_IN_ANCHOR.sub("", text.lower()).replace("-", " ").split())


def without_closing(heading: str) -> str:
    """Return the text of a heading without the "#" that may stand behind it."""
    heading = heading.rstrip()
    bare = heading.rstrip("#")
    return bare.rstrip() if bare[-1:] in {" ", "\t"} else heading


def split(
    lines: Sequence[str], *, path: str, title: str, category: str, page_sdks: tuple[str, ...]
) -> tuple[Section, ...]:
    """Return the sections of a page whose first line is its title.

    A section between marks of an SDK belongs to that. A section with code, or shown for one SDK only, belongs
    to the SDKs of that code. Any other section applies to every SDK, except on a page that is about a single
    one.
    """
    return tuple(
        Section(
            path=path,
            category=category,
            heading=draft.heading,
            heading_path=draft.heading_path,
            line_start=draft.heading.line,
            line_end=draft.last_line,
            sdks=sdks.in_order(draft.languages) or (page_sdks if len(page_sdks) == 1 else ()),
            prose="\n".join(draft.prose),
            code="\n".join(draft.code),
        )
        for draft in _drafts(lines, title)
    )


def _drafts(lines: Sequence[str], title: str) -> list[_Draft]:
    anchors: dict[str, int] = {}
    parents: list[tuple[int, str]] = []
    drafts: list[_Draft] = []
    region: tuple[str, ...] = ()
    for number, line, kind, word in _classified(lines):
        mark = sdks.mark(line) if kind == "prose" else None
        if mark is not None:
            region = mark
        elif kind == "heading":
            heading = _heading(line, number, anchors)
            while parents and parents[-1][0] >= heading.level:
                parents.pop()
            parents.append((heading.level, heading.text))
            names = tuple(text for _, text in parents)
            drafts.append(_Draft(heading, names if names[0] == title else (title, *names)))
            _note_language(drafts[-1], heading.text)
        elif kind == "fence":
            # Between marks, those say for which SDK the code is.
            _note_language(drafts[-1], "" if region else word)
        else:
            (drafts[-1].code if kind == "code" else drafts[-1].prose).append(line)
            for shown in _SHOWN_FOR.findall(line) if kind == "prose" and "show=" in line else ():
                _note_language(drafts[-1], shown)
        # The section that only ends with the mark of the next one is not for that SDK.
        for name in region if line.strip() and mark is None else ():
            _note_language(drafts[-1], name)
        drafts[-1].last_line = number
    return drafts


def _classified(lines: Sequence[str]) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line number, line, kind, fence language); the first line is always a heading."""
    yield 1, lines[0], "heading", ""
    for number, (line, kind, language) in enumerate(fences.kinds(lines[1:]), start=2):
        if kind != "text":
            yield number, line, kind, language
        else:
            yield number, line, "heading" if _HEADING.match(line) else "prose", ""


def _heading(line: str, number: int, anchors: dict[str, int]) -> Heading:
    """Return the heading of a line; `anchors` counts how often each was asked for on the page."""
    found = _HEADING.match(line)
    raw = without_closing(found["text"] if found else line)[:_MAX_HEADING_CHARS]
    text = " ".join(_MARKUP.sub("", _LINK.sub(r"\1", raw)).split()) or raw.strip()
    anchor = base = anchor_of(text) or "section"
    while anchor in anchors:
        anchors[base] += 1
        anchor = f"{base}-{anchors[base]}"
    anchors[anchor] = 0
    return Heading(text=text, anchor=anchor, level=len(found["more"]) + 1 if found else 1, line=number)


def _note_language(draft: _Draft, name: str) -> None:
    sdk = sdks.named(name)
    if sdk is not None:
        draft.languages.add(sdk)
