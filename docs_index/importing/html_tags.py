"""What becomes of HTML tags in markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from docs_index.importing.attributes import code_span, told, unmarked
from docs_index.importing.code import BLOCK
from docs_index.importing.flow import Piece, indented
from docs_index.importing.jsx import Element

if TYPE_CHECKING:
    from docs_index.importing.rendering import Renderer

_INLINE: Final = frozenset({
    "abbr", "cite", "dfn", "font", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike",
    "sub", "sup", "time", "tt", "u", "var",
})  # fmt: skip
_DROPPED: Final = frozenset({
    "audio", "col", "colgroup", "input", "link", "path", "script", "source", "style", "svg", "video",
})  # fmt: skip
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def html_tag(renderer: Renderer, element: Element) -> Piece:
    """Return the markdown of an HTML element."""
    if element.name in _DROPPED:
        return Piece("")
    if element.name in _HEADINGS and element.is_block:
        return Piece(f"{'#' * int(element.name[1])} {renderer.line(element)}", is_block=True)
    rule = _RULES.get(element.name)
    if rule is not None:
        return rule(renderer, element)
    return Piece(renderer.flow(element), is_block=element.is_block and element.name not in _INLINE)


def details(renderer: Renderer, element: Element) -> Piece:
    """Return what opens at a click, under a heading if its summary is one."""
    children = [child for child in element.children if isinstance(child, Element)]
    summary = next((child for child in children if child.name == "summary"), None)
    title = told(element).title
    level = 0
    if summary is not None:
        title = renderer.line(summary)
        inside = [child for child in summary.children if isinstance(child, Element)]
        level = next((int(child.name[1]) for child in inside if child.name in _HEADINGS), 0)
    rest = Element(element.name, {}, [child for child in element.children if child is not summary])
    if title:
        title = f"{'#' * level} {title}" if level else title if title.startswith("**") else f"**{title}**"
    return Piece(f"{title}\n\n{renderer.flow(rest).strip(chr(10))}", is_block=True)


def link(renderer: Renderer, element: Element) -> Piece:
    """Return a link; an anchor without text stays as it is, because links lead there."""
    inner, href = renderer.flow(element).strip(), element.attributes.get("href", "")
    anchor = element.attributes.get("id") or element.attributes.get("name")
    if not inner:
        return Piece(f'<a id="{anchor}"></a>' if anchor and not href and '"' not in anchor else "")
    if "\n\n" in inner or BLOCK.search(inner):
        return Piece(inner, is_block=True)
    return Piece(f"[{' '.join(inner.split())}]({href})" if href and "](" not in inner else inner)


def image(renderer: Renderer, element: Element) -> Piece:
    """Return the description of an image, with where it is."""
    texts = told(element)
    shown = texts.alt or texts.title
    mark = f"![{shown}]({texts.src})" if shown or texts.src else ""
    return Piece("\n\n".join(filter(None, (mark, renderer.flow(element).strip()))), is_block=element.is_block)


def _pre(renderer: Renderer, element: Element) -> Piece:
    inner = renderer.flow(element)
    if BLOCK.search(inner):
        return Piece(inner, is_block=True)
    if not element.is_block:
        return Piece(code_span(unmarked(inner)))
    return Piece(renderer.code.fence(renderer.code.put_back(inner).strip("\n")), is_block=True)


def _code(renderer: Renderer, element: Element) -> Piece:
    inner = renderer.flow(element)
    return Piece(inner) if "\x00" in inner else Piece(code_span(unmarked(inner)))


def _emphasis(mark: str) -> Callable[[Renderer, Element], Piece]:
    def render(renderer: Renderer, element: Element) -> Piece:
        inner = renderer.flow(element)
        text = inner.strip()
        if not text or "\n\n" in text or text.startswith("*"):
            return Piece(inner)
        before, after = (" " if edge.isspace() else "" for edge in (inner[:1], inner[-1:]))
        return Piece(f"{before}{mark}{text}{mark}{after}")

    return render


def _list(renderer: Renderer, element: Element) -> Piece:
    rows = []
    for child in element.children:
        if not isinstance(child, Element):
            rows += [child.strip()] if child.strip() else []
            continue
        bullet = f"{len(rows) + 1}. " if element.name == "ol" else "- "
        text = renderer.flow(child).strip() if child.name == "li" else renderer.render(child).text.strip()
        rows.append(bullet + indented(text, " " * len(bullet)).lstrip())
    return Piece("\n".join(rows), is_block=True)


def _table(renderer: Renderer, element: Element) -> Piece:
    rows = []
    for row in renderer.within(element, "tr"):
        cells = [child for child in row.children if isinstance(child, Element)]
        rows.append("| " + " | ".join(renderer.line(cell).replace("|", "\\|") for cell in cells) + " |")
        if len(rows) == 1:
            rows.append("|" + "---|" * len(cells))
    return Piece("\n".join(rows), is_block=True) if rows else Piece(renderer.flow(element), is_block=True)


def _frame(renderer: Renderer, element: Element) -> Piece:
    title, address = told(element).title, element.attributes.get("src", "")
    return Piece(f"[{title}]({address})" if title and address else renderer.flow(element), is_block=True)


def _button(renderer: Renderer, element: Element) -> Piece:
    return Piece(renderer.line(element), is_block=element.is_block)


_RULES: Final[Mapping[str, Callable[[Renderer, Element], Piece]]] = {
    "a": link,
    "b": _emphasis("**"),
    "br": lambda _, element: Piece("" if element.is_block else " "),
    "button": _button,
    "code": _code,
    "details": details,
    "em": _emphasis("*"),
    "hr": lambda _, __: Piece("---", is_block=True),
    "i": _emphasis("*"),
    "iframe": _frame,
    "img": image,
    "ol": _list,
    "pre": _pre,
    "strong": _emphasis("**"),
    "table": _table,
    "ul": _list,
}
