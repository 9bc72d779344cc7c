"""Render the tree of a text as markdown."""

from __future__ import annotations

from collections.abc import Iterator

from docs_index.importing import components
from docs_index.importing.attributes import decoded
from docs_index.importing.code import Code
from docs_index.importing.flow import Piece, dedented, joined
from docs_index.importing.html_tags import html_tag
from docs_index.importing.jsx import HTML, Element


class Renderer:
    """Renders the elements of one text; `code` holds the code that was taken out of it."""

    def __init__(self, code: Code) -> None:
        self.code = code

    def render(self, element: Element) -> Piece:
        """Return the markdown of one element."""
        if element.name in HTML:
            return html_tag(self, element)
        name = element.name.lower().rsplit(".", 1)[-1]
        return components.RULES.get(name, components.unknown)(self, element)

    def flow(self, element: Element) -> str:
        """Return what is in an element, without the indentation that its tag gave it."""
        texts = [child for child in element.children if isinstance(child, str)]
        if element.name:
            texts = dedented(texts)
        remaining = iter(texts)
        return joined(
            Piece(decoded(next(remaining))) if isinstance(child, str) else self.render(child)
            for child in element.children
        )

    def line(self, element: Element) -> str:
        """Return what is in an element on one line."""
        return " ".join(self.flow(element).split())

    def within(self, element: Element, name: str) -> Iterator[Element]:
        """Yield the elements of a name below an element, but none below another of them."""
        for child in element.children:
            if isinstance(child, Element):
                if child.name == name:
                    yield child
                else:
                    yield from self.within(child, name)
