"""What a component says in its attributes, and text that attributes and entities hide."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Final

from docs_index.importing.jsx import Element

_TITLES: Final = ("title", "name", "label", "heading", "header", "summary", "filename", "caption")
_LINKS: Final = ("href", "to", "url", "github", "demo")
_DESCRIPTIONS: Final = ("description", "children", "text", "subtitle")
_IMAGES: Final = ("src", "light", "dark", "img", "image")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


@dataclass(frozen=True, slots=True)
class Told:
    """The texts for readers among the attributes of an element; "" for what it has not."""

    title: str
    href: str
    description: str
    alt: str
    src: str


def told(element: Element) -> Told:
    """Return what the attributes of an element tell a reader."""

    def first(names: tuple[str, ...]) -> str:
        return next((value for name in names if (value := decoded(element.attributes.get(name, "")))), "")

    return Told(first(_TITLES), first(_LINKS), first(_DESCRIPTIONS), first(("alt",)), first(_IMAGES))


def decoded(text: str) -> str:
    """Return the text with its entities decoded; what would become markup by that is escaped."""
    return _ENTITY.sub(_entity, text) if "&" in text else text


def _entity(found: re.Match[str]) -> str:
    text = html.unescape(found[0])
    if text in {"<", "{", "`", "\\", "*", "_"}:
        return "\\" + text
    if text == "&" and re.match(r"#?\w+;", found.string[found.end() : found.end() + 40]):
        return found[0]  # would be an entity of its own
    return text if text.isprintable() or text == "\u00a0" else ""


def code_span(text: str) -> str:
    """Return the text as code within a line."""
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{ticks}{text}{ticks}" if text.strip() else ""


def unmarked(text: str) -> str:
    """Return the text on one line, without the backslashes that keep its characters from being markup."""
    return re.sub(r"\\([<{`*_\\])", r"\1", " ".join(text.split()))
