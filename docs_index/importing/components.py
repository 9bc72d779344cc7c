"""What becomes of the components that documentation sites use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from docs_index import sdks
from docs_index.importing.attributes import code_span, decoded, told
from docs_index.importing.code import sdk_of, sdk_region
from docs_index.importing.flow import BEGINS_BLOCK, Piece, badge, item
from docs_index.importing.html_tags import details, image, link
from docs_index.importing.jsx import Element

if TYPE_CHECKING:
    from docs_index.importing.rendering import Renderer

CALLOUTS: Final = {
    "callout": "Note",
    "note": "Note",
    "info": "Note",
    "alert": "Note",
    "admonition": "Note",
    "tip": "Tip",
    "check": "Tip",
    "success": "Tip",
    "warning": "Warning",
    "caution": "Warning",
    "danger": "Danger",
    "error": "Danger",
    "important": "Important",
}
"""What is written before the text of a box, by its name in lower case."""
_CHOICES: Final = re.compile(r"""key:\s*["']?\s*([\w-]+)["']\s*,\s*title:\s*["']([^"'\n]*)["']""")
_STRING: Final = re.compile(r"""["']([^"'\n]*)["']""")


def unknown(renderer: Renderer, element: Element) -> Piece:
    """Return title, description and children of a component that nobody told us about."""
    texts = told(element)
    inner = renderer.flow(element)
    if texts.href and (texts.title or not inner.strip()):
        return _entry(texts.title or texts.href, texts.href, f"{texts.description}\n\n{inner}")
    if texts.alt or element.name.lower().endswith("image"):
        return image(renderer, element)
    if not element.is_block and not texts.title:
        return Piece(inner)
    title = f"**{texts.title}**" if texts.title else ""
    return Piece("\n\n".join(filter(None, (title, texts.description, inner.strip("\n")))), is_block=True)


def _callout(renderer: Renderer, element: Element) -> Piece:
    kind = CALLOUTS[element.name.lower()]
    asked = element.attributes.get("variant") or element.attributes.get("type") or ""
    label = element.attributes.get("title") or CALLOUTS.get(asked.lower(), kind)
    inner = renderer.flow(element).strip()
    separator = "\n\n" if BEGINS_BLOCK.match(inner) else " "
    return Piece(f"**{decoded(label).rstrip(':')}:**{separator}{inner}" if inner else "", is_block=True)


def _property(renderer: Renderer, element: Element) -> Piece:
    given = {name: decoded(value) for name, value in element.attributes.items()}
    head = f"**{given.get('name') or given.get('path') or given.get('body') or given.get('query') or ''}**"
    if given.get("type"):
        head += " " + code_span(given["type"])
    if "required" in given:
        head += ", required"
    if given.get("default"):
        head += f", default {code_span(given['default'])}"
    if given.get("version"):
        head += f", {given['version']}"
    return Piece(item(head, renderer.flow(element)), is_block=True)


def _card(renderer: Renderer, element: Element) -> Piece:
    texts = told(element)
    inner = f"{texts.description}\n\n{renderer.flow(element)}"
    if not texts.title and not texts.href:
        return Piece(inner, is_block=True)
    return _entry(texts.title or texts.href, texts.href, inner)


def _entry(title: str, href: str, inner: str) -> Piece:
    return Piece(item(f"[{title}]({href})" if href else f"**{title}**", inner), is_block=True)


def _selector(renderer: Renderer, element: Element) -> Piece:
    """Give each section the title under which the reader would choose it."""
    titles = dict(_CHOICES.findall(element.attributes.get("options", "")))
    for section in renderer.within(element, "GuideSection"):
        section.attributes = {
            "title": titles.get(section.attributes.get("show", ""), ""),
            **section.attributes,
        }
    return Piece(renderer.flow(element), is_block=True)


def _guide_section(renderer: Renderer, element: Element) -> Piece:
    show, title = element.attributes.get("show", ""), element.attributes.get("title", "")
    sdk = sdks.named(show.split("-", maxsplit=1)[0]) or sdk_of(title)
    inner = renderer.flow(element).strip("\n")
    # A title that says no more than the mark of the SDK does not need a line.
    return _choice("" if sdk and sdks.named(title) else title, sdk or "", inner)


def _tabs(renderer: Renderer, element: Element) -> Piece:
    labels = _STRING.findall(element.attributes.get("items", ""))
    tabs = [child for child in element.children if isinstance(child, Element)]
    for tab, label in zip(tabs, labels, strict=False):
        if not told(tab).title:
            tab.attributes = {**tab.attributes, "title": label}
    return Piece(renderer.flow(element), is_block=True)


def _tab(renderer: Renderer, element: Element) -> Piece:
    label = told(element).title or decoded(element.attributes.get("value", ""))
    return _choice(label, sdk_of(label), renderer.flow(element).strip("\n"))


def _choice(label: str, sdk: str, inner: str) -> Piece:
    """Return one of several things to choose from, marked when it is for one SDK."""
    labelled = f"**{label}**\n\n{inner}" if label else inner
    return Piece(sdk_region(sdk, labelled) if sdk and inner.strip() else labelled, is_block=True)


def _steps(renderer: Renderer, element: Element) -> Piece:
    steps = [child for child in element.children if isinstance(child, Element) and child.name == "Step"]
    for number, step in enumerate(steps, start=1):
        title = step.attributes.get("title", "")
        step.attributes = {"title": f"Step {number}: {title}" if title else f"Step {number}"}
    return Piece(renderer.flow(element), is_block=True)


def _badge(renderer: Renderer, element: Element) -> Piece:
    return Piece(badge(element.attributes.get("version") or renderer.line(element)))


def _button(renderer: Renderer, element: Element) -> Piece:
    texts = told(element)
    text = renderer.line(element) or texts.title or texts.description
    return Piece(f"[{text}]({texts.href})" if texts.href and text else text, is_block=element.is_block)


RULES: Final[Mapping[str, Callable[[Renderer, Element], Piece]]] = {
    **dict.fromkeys(CALLOUTS, _callout),
    **dict.fromkeys(("property", "paramfield", "responsefield"), _property),
    **dict.fromkeys(("card", "linkcard", "resource", "example", "guide"), _card),
    **dict.fromkeys(("tabs", "codetabs"), _tabs),
    **dict.fromkeys(("tab", "tabitem"), _tab),
    **dict.fromkeys(("versionbadge", "tag", "badge", "pill"), _badge),
    **dict.fromkeys(("image", "img", "imagetheme", "themedimage"), image),
    **dict.fromkeys(("button", "buttonlink", "downloadlink"), _button),
    "guideselector": _selector,
    "guidesection": _guide_section,
    "steps": _steps,
    "details": details,
    "link": link,
}
"""By the name of the component in lower case."""
