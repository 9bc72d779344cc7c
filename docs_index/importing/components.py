"""What becomes of each component and HTML tag: its text, as markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Final

from docs_index import sdks
from docs_index.importing.code import BLOCK, Code, sdk_of, sdk_region
from docs_index.importing.flow import Piece, badge, dedented, indented, joined
from docs_index.importing.jsx import HTML, Element

_CALLOUTS: Final = {
    "callout": "Note",
    "note": "Note",
    "info": "Note",
    "tip": "Tip",
    "check": "Tip",
    "success": "Tip",
    "warning": "Warning",
    "caution": "Warning",
    "danger": "Danger",
    "error": "Danger",
    "alert": "Note",
    "admonition": "Note",
    "important": "Important",
}
_INLINE: Final = frozenset("abbr cite dfn font ins label mark q s samp small span strike sub sup time tt u var kbd".split())
_DROPPED: Final = frozenset("script style svg path link input colgroup col source video audio".split())
_BROUGHT: Final = re.compile(r"""key:\s*["']?\s*([\w-]+)["']\s*,\s*title:\s*["']([^"'\n]*)["']""")
_ITEM: Final = re.compile(r"""["']([^"'\n]*)["']""")
_BEGINS_BLOCK: Final = re.compile(r"(?:[-*+#>|]|[0-9]+[.)]|\x00b)")


class Renderer:
    """Renders the elements of one text, whose code is in `code`."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._tab_titles: Mapping[str, str] = {}

    def flow(self, element: Element) -> str:
        """Return what is in an element, without the indentation that its tag gave it."""
        texts = [child for child in element.children if isinstance(child, str)]
        if element.name and texts:
            is_start = isinstance(element.children[0], str)
            texts = dedented(texts, first_is_start=is_start and element.children[0] is texts[0])
        remaining = iter(texts)
        return joined(
            Piece(decoded(next(remaining))) if isinstance(child, str) else self.render(child)
            for child in element.children
        )

    def render(self, element: Element) -> Piece:
        """Return the markdown of one element."""
        name = element.name
        if name in HTML:
            return self._html(element)
        name = name.lower().rsplit(".", 1)[-1]
        if name in _CALLOUTS:
            return self._callout(element, _CALLOUTS[name])
        return _COMPONENT_RULES.get(name, Renderer._unknown)(self, element)

    def _html(self, element: Element) -> Piece:
        name = element.name
        if name in _DROPPED:
            return Piece("")
        if re.fullmatch(r"h[1-6]", name) and element.is_block:
            return Piece(f"{'#' * int(name[1])} {self._line(element)}", is_block=True)
        rule = _HTML_RULES.get(name)
        if rule is not None:
            return rule(self, element)
        is_block = element.is_block and name not in _INLINE
        return Piece(self.flow(element), is_block=is_block)

    def _unknown(self, element: Element) -> Piece:
        """Return title, description and children of a component that nobody told us about."""
        texts = _Texts(element)
        inner = self.flow(element)
        if texts.href and (texts.title or not inner.strip()):
            return _entry(texts.title or texts.href, texts.href, f"{texts.description}\n\n{inner}")
        if texts.alt or element.name.lower().endswith("image"):
            return Piece(_image(texts), is_block=element.is_block)
        if not element.is_block and not texts.title:
            return Piece(inner)
        title = f"**{texts.title}**" if texts.title else ""
        return Piece("\n\n".join(filter(None, (title, texts.description, inner.strip("\n")))), is_block=True)

    def _line(self, element: Element) -> str:
        return " ".join(self.flow(element).split())

    def _callout(self, element: Element, kind: str) -> Piece:
        asked = element.attributes.get("variant") or element.attributes.get("type") or ""
        label = element.attributes.get("title") or _CALLOUTS.get(asked.lower(), kind)
        inner = self.flow(element).strip()
        separator = "\n\n" if _BEGINS_BLOCK.match(inner) else " "
        return Piece(f"**{decoded(label).rstrip(':')}:**{separator}{inner}" if inner else "", is_block=True)

    def _property(self, element: Element) -> Piece:
        given = element.attributes
        head = f"**{decoded(given.get('name') or given.get('path') or given.get('body') or '')}**"
        if given.get("type"):
            head += " " + _code_span(decoded(given["type"]))
        if "required" in given:
            head += ", required"
        if given.get("default"):
            head += f", default {_code_span(decoded(given['default']))}"
        if given.get("version"):
            head += f", {given['version']}"
        return Piece(_item(head, self.flow(element)), is_block=True)

    def _card(self, element: Element) -> Piece:
        texts = _Texts(element)
        inner = f"{texts.description}\n\n{self.flow(element)}"
        if not texts.title and not texts.href:
            return Piece(inner, is_block=True)
        return _entry(texts.title or texts.href, texts.href, inner)

    def _selector(self, element: Element) -> Piece:
        before = self._tab_titles
        self._tab_titles = dict(_BROUGHT.findall(element.attributes.get("options", "")))
        inner = self.flow(element)
        self._tab_titles = before
        return Piece(inner, is_block=True)

    def _guide_section(self, element: Element) -> Piece:
        show = element.attributes.get("show", "")
        title = self._tab_titles.get(show, "")
        sdk = sdks.named(show.split("-")[0]) or sdk_of(title)
        inner = self.flow(element).strip("\n")
        # A title that says no more than the mark of the SDK does not need a line.
        labelled = f"**{title}**\n\n{inner}" if title and not (sdk and sdks.named(title)) else inner
        return Piece(sdk_region(sdk, labelled) if sdk and inner.strip() else labelled, is_block=True)

    def _tabs(self, element: Element) -> Piece:
        labels = _ITEM.findall(element.attributes.get("items", ""))
        tabs = [child for child in element.children if isinstance(child, Element)]
        for tab, label in zip(tabs, labels, strict=False):
            if not _Texts(tab).title:
                tab.attributes = {**tab.attributes, "title": label}
        return Piece(self.flow(element), is_block=True)

    def _tab(self, element: Element) -> Piece:
        label = _Texts(element).title or decoded(element.attributes.get("value", ""))
        inner = self.flow(element).strip("\n")
        labelled = f"**{label}**\n\n{inner}" if label else inner
        sdk = sdk_of(label)
        return Piece(sdk_region(sdk, labelled) if sdk and inner.strip() else labelled, is_block=True)

    def _steps(self, element: Element) -> Piece:
        steps = [child for child in element.children if isinstance(child, Element) and child.name == "Step"]
        for number, step in enumerate(steps, start=1):
            title = step.attributes.get("title", "")
            step.attributes = {"title": f"Step {number}: {title}" if title else f"Step {number}"}
        return Piece(self.flow(element), is_block=True)

    def _details(self, element: Element) -> Piece:
        summary = next((child for child in element.children if _is(child, "summary")), None)
        if not isinstance(summary, Element):
            return self._unknown(element)
        level = next((int(child.name[1]) for child in summary.children if _is(child, "h", 2)), 0)
        text = self._line(summary)
        rest = Element(element.name, {}, [child for child in element.children if child is not summary])
        bold = text if text.startswith("**") else f"**{text}**"
        title = f"{'#' * level} {text}" if level else bold if text else ""
        return Piece(f"{title}\n\n{self.flow(rest).strip(chr(10))}", is_block=True)

    def _link(self, element: Element) -> Piece:
        inner, href = self.flow(element).strip(), element.attributes.get("href", "")
        anchor = element.attributes.get("id") or element.attributes.get("name")
        if not inner:
            return Piece(f'<a id="{anchor}"></a>' if anchor and not href else "")
        if not href or BLOCK.search(inner) or "](" in inner or "\n\n" in inner:
            return Piece(inner, is_block="\n\n" in inner)
        return Piece(f"[{' '.join(inner.split())}]({href})")

    def _pre(self, element: Element) -> Piece:
        inner = self.flow(element)
        if BLOCK.search(inner):
            return Piece(inner, is_block=True)
        if not element.is_block:
            return Piece(_code_span(_plain(inner)))
        return Piece(self._code.fence(self._code.put_back(inner).strip("\n")), is_block=True)

    def _span(self, mark: str) -> Callable[[Element], Piece]:
        def render(element: Element) -> Piece:
            inner = self.flow(element)
            text = inner.strip()
            if not text or "\n\n" in text or text.startswith("**"):
                return Piece(inner)
            space = " " if inner[:1].isspace() else "", " " if inner[-1:].isspace() else ""
            return Piece(space[0] + mark + text + mark + space[1])

        return render

    def _list(self, element: Element) -> Piece:
        items = [child for child in element.children if _is(child, "li")]
        rows = []
        for number, item in enumerate(items, start=1):
            bullet = f"{number}. " if element.name == "ol" else "- "
            text = self.flow(item).strip() if isinstance(item, Element) else ""
            rows.append(bullet + indented(text, " " * len(bullet)).lstrip())
        return Piece("\n".join(rows), is_block=True)

    def _table(self, element: Element) -> Piece:
        rows = []
        for row in _descendants(element, "tr"):
            cells = [child for child in row.children if _is(child, "td") or _is(child, "th")]
            rows.append("| " + " | ".join(self._line(cell) for cell in cells if isinstance(cell, Element)) + " |")
            if len(rows) == 1:
                rows.append("|" + "---|" * len(cells))
        return Piece("\n".join(rows), is_block=True)

    def _break(self, element: Element) -> Piece:
        return Piece("" if element.is_block else " ")

    def _image_of(self, element: Element) -> Piece:
        inner = self.flow(element)
        return Piece(_image(_Texts(element)) + inner, is_block=element.is_block)

    def _badge(self, element: Element) -> Piece:
        return Piece(badge(element.attributes.get("version") or self._line(element)))

    def _frame(self, element: Element) -> Piece:
        texts = _Texts(element)
        if not texts.href or not texts.title:
            return Piece(self.flow(element))
        return Piece(f"[{texts.title}]({texts.href})", is_block=True)

    def _button(self, element: Element) -> Piece:
        texts = _Texts(element)
        text = self._line(element) or texts.title
        return Piece(f"[{text}]({texts.href})" if texts.href and text else text, is_block=element.is_block)


class _Texts:
    """What a component says in its attributes."""

    def __init__(self, element: Element) -> None:
        def first(*names: str) -> str:
            return next((value for name in names if (value := decoded(element.attributes.get(name, "")))), "")

        self.title = first("title", "name", "label", "heading", "header", "summary", "filename", "caption")
        self.href = first("href", "to", "url", "github", "demo", "src" if element.name == "iframe" else "href")
        self.description = first("description", "children", "text", "subtitle")
        self.alt = first("alt")
        self.src = first("src", "light", "dark", "img", "image")


def decoded(text: str) -> str:
    """Return the text with its entities decoded; what would become a tag or an expression is escaped."""
    if "&" not in text:
        return text
    return re.sub(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});", _entity, text)


def _entity(found: re.Match[str]) -> str:
    text = html.unescape(found[0])
    if text in {"<", "{", "`", "\\", "*", "_"}:
        return "\\" + text
    follows = found.string[found.end() : found.end() + 40]
    if text == "&" and re.match(r"#?\w+;", follows):
        return found[0]  # would be an entity of its own
    return text if text.isprintable() or text == "\u00a0" else ""


def _entry(title: str, href: str, inner: str) -> Piece:
    return Piece(_item(f"[{title}]({href})" if href else f"**{title}**", inner), is_block=True)


def _item(head: str, inner: str) -> str:
    """Return an item of a list with its text, moved in below it."""
    inner = inner.strip()
    if not inner:
        return f"- {head}"
    separator = ":\n\n  " if _BEGINS_BLOCK.match(inner) and not inner.startswith("**") else ": "
    return f"- {head}{separator}{indented(inner, '  ').lstrip()}"


def _image(texts: _Texts) -> str:
    return f"![{texts.alt or texts.title}]({texts.src})" if texts.alt or texts.title or texts.src else ""


def _code_span(text: str) -> str:
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{ticks}{text}{ticks}" if text.strip() else ""


def _plain(text: str) -> str:
    return re.sub(r"\\([<{`*_\\])", r"\1", " ".join(text.split()))


def _is(child: Element | str, name: str, length: int = 0) -> bool:
    if isinstance(child, str):
        return False
    return child.name == name or bool(length and len(child.name) == length and re.fullmatch("h[1-6]", child.name))


def _descendants(element: Element, name: str) -> list[Element]:
    found = []
    for child in element.children:
        if isinstance(child, Element):
            found += [child] if child.name == name else _descendants(child, name)
    return found


def _inline_with(mark: str) -> Callable[[Renderer, Element], Piece]:
    return lambda renderer, element: renderer._span(mark)(element)  # noqa: SLF001


_COMPONENT_RULES: Final[Mapping[str, Callable[[Renderer, Element], Piece]]] = {
    **dict.fromkeys(("property", "paramfield", "responsefield", "apiparam"), Renderer._property),
    **dict.fromkeys(("card", "linkcard", "resource", "example", "guide", "docscard"), Renderer._card),
    **dict.fromkeys(("tabs", "codetabs"), Renderer._tabs),
    **dict.fromkeys(("tab", "tabitem"), Renderer._tab),
    **dict.fromkeys(("versionbadge", "tag", "badge", "pill"), Renderer._badge),
    **dict.fromkeys(("image", "img", "imagetheme", "themedimage", "zoomimage"), Renderer._image_of),
    **dict.fromkeys(("button", "buttonlink", "downloadlink"), Renderer._button),
    "guideselector": Renderer._selector,
    "guidesection": Renderer._guide_section,
    "details": Renderer._details,
    "steps": Renderer._steps,
    "link": Renderer._link,
}
_HTML_RULES: Final[Mapping[str, Callable[[Renderer, Element], Piece]]] = {
    **dict.fromkeys(("strong", "b"), _inline_with("**")),
    **dict.fromkeys(("em", "i"), _inline_with("*")),
    **dict.fromkeys(("ul", "ol"), Renderer._list),
    "a": Renderer._link,
    "br": Renderer._break,
    "button": Renderer._button,
    "code": lambda renderer, element: Piece(_code_span(_plain(renderer.flow(element)))),
    "details": Renderer._details,
    "hr": lambda _, __: Piece("---", is_block=True),
    "iframe": Renderer._frame,
    "img": Renderer._image_of,
    "pre": Renderer._pre,
    "table": Renderer._table,
}
