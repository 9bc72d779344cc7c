"""One imported page: made of what a source gives, and written as a file of the library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from docs_index import front_matter, sdks, sections
from docs_index.importing.mdx import lost_description, to_markdown
from docs_index.importing.regions import with_headings

_MAX_DESCRIPTION_CHARS: Final = 300
_MAX_PLAIN_CHARS: Final = 2_000
_H1: Final = re.compile(r"#[ \t]+(?P<text>\S.*)$", re.MULTILINE)
_NOT_PROSE: Final = re.compile(r"\s*(?:[#|>`~+!<-]|\*(?!\*)|[0-9]+[.)]\s|$)")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP: Final = re.compile(r"[`*]|<[^>]*>|\\(?=[<{])|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)")
_NO_TITLES: Final = frozenset({"", "undefined", "null", "untitled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPage:
    """A page as it will be stored: `path` without extension, `body` beginning with `# title`."""

    path: str
    title: str
    description: str
    category: str
    url: str
    sdks: tuple[str, ...]
    order: int
    body: str
    asked: tuple[str, ...] = ()

    def file_text(self) -> str:
        """Return the content of the page's file."""
        matter = {
            "title": self.title,
            "description": self.description,
            "category": self.category,
            "sdks": f"[{', '.join(self.sdks)}]",
            "url": self.url,
            "order": str(self.order),
        }
        lines = [f"{key}: {_scalar(key, value)}" for key, value in matter.items() if value]
        if self.asked:
            lines += ["asked:", *(f"  - {_scalar('asked', phrase)}" for phrase in self.asked)]
        return "\n".join(["---", *lines, "---", self.body.rstrip("\n"), ""])


def make_page(
    source: str,
    *,
    path: str,
    order: int,
    url: str = "",
    title: str = "",
    description: str = "",
    is_mdx: bool | None = None,
) -> ImportedPage | None:
    """Return the page that a text makes, or None when there is nothing in it.

    What the text says about itself, in front matter or its first heading, counts less than `title` and
    `description`, except that a heading is preferred to a title that only a table of contents gives.
    """
    matter, raw = front_matter.split(source.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff\n"))
    heading, body = _first_heading(to_markdown(raw, is_mdx=is_mdx))
    if not body.strip() and not heading:
        return None
    named = next(
        (text for text in (matter.text("title"), heading, title) if text.lower() not in _NO_TITLES),
        path.rsplit("/", 1)[-1].replace("-", " ").replace("_", " ").capitalize(),
    )
    if not body.strip() and not (description or matter.text("description")):
        return None
    told = description or matter.text("description") or lost_description(raw) or _first_sentences(body)
    lines = with_headings([f"# {named}", "", *body.strip("\n").split("\n")])
    return ImportedPage(
        path=path,
        title=named,
        description=" ".join(told.split())[:_MAX_DESCRIPTION_CHARS],
        category=_category(matter.text("category"), path),
        url=url or matter.text("url"),
        sdks=_sdks(lines, path, named)
        or sdks.in_order({sdk for item in matter.items("sdks") if (sdk := sdks.named(item))}),
        order=order,
        body="\n".join(lines),
        asked=tuple(phrase for phrase in matter.items("asked") if phrase.strip()),
    )


def _first_heading(body: str) -> tuple[str, str]:
    """Return (text of the heading at the beginning or "", the body without it and its repetition)."""
    found = _H1.match(body.lstrip("\n"))
    if found is None:
        return "", body
    text, rest = plain(sections.without_closing(found["text"])), body.lstrip("\n")[found.end() :]
    again = re.compile(r"(?P<note>\s*+(?:\*[^*\n]+\*)?+\s*+)" + _H1.pattern, re.MULTILINE).match(rest)
    if again and plain(sections.without_closing(again["text"])).lower() == text.lower():
        note, rest = again["note"].strip(), rest[again.end() :].lstrip("\n")
        rest = rest if rest.startswith(note) else f"{note}\n\n{rest}"
    return text, rest


def plain(text: str) -> str:
    """Return the beginning of a heading or a paragraph without links and code marks, on one line."""
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", text[:_MAX_PLAIN_CHARS])).split())


def _first_sentences(body: str) -> str:
    """Return the first paragraph of prose, as far as whole sentences fit into a description."""
    is_code = False
    for paragraph in body.split("\n\n"):
        fences = len(re.findall(r"^[ \t]*(?:```|~~~)", paragraph, re.MULTILINE))
        if not is_code and not fences and not _NOT_PROSE.match(paragraph):
            text = plain(paragraph)
            sentences = re.match(r".{20,180}?[.!?](?=\s|$)", text)
            return sentences[0] if sentences else text if len(text) <= 180 else text[:180].rsplit(" ", 1)[0]
        is_code ^= fences % 2 == 1
    return ""


def _category(named: str, path: str) -> str:
    return "-".join(re.findall(r"[\w.]+", named.lower())) or (
        path.split("/", maxsplit=1)[0] if "/" in path else "general"
    )


def _sdks(lines: list[str], path: str, title: str) -> tuple[str, ...]:
    parts = sections.split(lines, path=path, title=title, category="", page_sdks=sdks.in_path(path))
    return sdks.in_order({sdk for part in parts for sdk in part.sdks})


def _scalar(key: str, value: str) -> str:
    """Return the value as front matter has it: in quotes where it would be read as something else."""
    flat = " ".join(value.split())
    needs = key != "sdks" and (
        flat[0] in "\"'[>|&*!%@`{" or flat.endswith((":", "]")) or "#" in flat or ": " in flat
    )
    return f'"{flat}"' if needs else flat
