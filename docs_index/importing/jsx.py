"""Read the JSX and HTML tags of a text into a tree, forgiving whatever is not well formed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

HTML: Final = frozenset({
    "a", "abbr", "article", "aside", "audio", "b", "blockquote", "br", "button", "caption",
    "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt",
    "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hr", "i", "iframe", "img", "input", "ins", "kbd", "label", "li", "link", "main", "mark",
    "menu", "nav", "ol", "p", "path", "picture", "pre", "q", "s", "samp", "script", "section",
    "small", "source", "span", "strike", "strong", "style", "sub", "summary", "sup", "svg", "table",
    "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "video", "wbr",
})  # fmt: skip
VOID: Final = frozenset({"br", "col", "hr", "img", "input", "link", "path", "source", "wbr"})
_NAME: Final = re.compile(r"</?([A-Za-z][\w.:-]*)?")
_ATTRIBUTE: Final = re.compile(r"\s*([A-Za-z_@:][\w.:-]*)\s*(=)?\s*")
_TEXT_KEY: Final = re.compile(
    r"""\b(\w+)\s*:\s*(?:"((?:\\.|[^"\\\n])*)"|'((?:\\.|[^'\\\n])*)'|`((?:\\.|[^`\\])*)`)"""
)
_BARE: Final = re.compile(r"""[^"'<>{}=]{1,300}["'](?=[\s/>])|[^\s"'<>{}=]+(?=[\s/>])""")
_MAX_DEPTH: Final = 60
_MAX_INDENT: Final = 200
_MAX_VALUE_CHARS: Final = 20_000


@dataclass(slots=True)
class Element:
    """A tag with what is in it; `name` is "" for the root and for a fragment.

    An attribute without a value is "". Of an attribute that is an object, its texts are in `attributes` too.
    """

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    is_block: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag as it was read, up to but without `end`."""

    name: str
    attributes: Mapping[str, str]
    is_closing: bool
    is_empty: bool
    end: int


def parse(text: str, restore: Callable[[str], str] = str) -> Element:
    """Return the root of the tree; a tag that belongs to no component and no HTML stays text.

    `restore` puts what was taken out of the text back into the values of attributes.
    """
    root = Element("")
    open_elements = [root]
    closings = _closings(text)
    position = start = 0
    while (position := text.find("<", position)) >= 0:
        tag = read_tag(text, position, restore)
        if tag is None or not _is_markup(text, position, tag, closings):
            position += 1
            continue
        if text[start:position]:
            open_elements[-1].children.append(text[start:position])
        if tag.is_closing:
            _close(open_elements, tag.name)
        else:
            element = Element(tag.name, tag.attributes, [], _begins_line(text, position))
            open_elements[-1].children.append(element)
            is_open = not tag.is_empty and tag.name not in VOID and closings.get(tag.name, -1) >= tag.end
            if is_open and len(open_elements) < _MAX_DEPTH:
                open_elements.append(element)
        position = start = tag.end
    if text[start:]:
        open_elements[-1].children.append(text[start:])
    return root


def read_tag(text: str, start: int, restore: Callable[[str], str] = str) -> Tag | None:
    """Return the tag that begins at `start`, or None when there is none or it never ends."""
    named = _NAME.match(text, start)
    if named is None or (named[1] is None and not text.startswith(">", named.end())):
        return None
    is_closing = text.startswith("</", start)
    position = named.end()
    attributes: dict[str, str] = {}
    while position < len(text):
        rest = _skip_space(text, position)
        if text.startswith("/>", rest):
            return Tag(named[1] or "", attributes, is_closing, is_empty=True, end=rest + 2)
        if text.startswith(">", rest):
            return Tag(named[1] or "", attributes, is_closing, is_empty=False, end=rest + 1)
        if named[1] is None or (
            rest == position and position != named.end() and text[position - 1] not in "\"'}"
        ):
            return None
        position = _read_attribute(text, rest, attributes, restore)
        if position < 0:
            return None
    return None


def balanced(text: str, start: int) -> int:
    """Return the end of the braces that open at `start`, or -1; text in quotes does not count."""
    for minds_quotes in (True, False):
        end = _balanced(text, start, minds_quotes=minds_quotes)
        if end >= 0:
            return end
    return -1


def _balanced(text: str, start: int, *, minds_quotes: bool) -> int:
    depth = 0
    quote = ""
    position = start
    limit = min(len(text), start + _MAX_VALUE_CHARS)
    while position < limit:
        character = text[position]
        if quote:
            if character == "\\":
                position += 1
            elif character == quote or (character == "\n" and quote != "`"):
                quote = ""
        elif minds_quotes and character in "\"'`":
            quote = character
        elif character == "{":
            depth += 1
            if depth > _MAX_DEPTH:
                return -1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return -1


def _read_attribute(text: str, start: int, attributes: dict[str, str], restore: Callable[[str], str]) -> int:
    """Read one attribute, or an object spread; return where it ends, or -1."""
    if text.startswith("{", start):
        return balanced(text, start)
    found = _ATTRIBUTE.match(text, start)
    if found is None:
        return -1
    if found[2]:
        end, told = _read_value(text, found.end(), found[1], restore)
        attributes.update({name: value for name, value in told.items() if name not in attributes})
        return end
    attributes[found[1]] = ""
    return found.end(1)


def _read_value(
    text: str, start: int, name: str, restore: Callable[[str], str]
) -> tuple[int, dict[str, str]]:
    """Return where a value ends, or -1, and what it says; of an object also its texts, by their keys."""
    opening = text[start : start + 1]
    if opening == "{":
        end = balanced(text, start)
        return end, _expression(name, restore(text[start + 1 : end - 1]).strip()) if end >= 0 else {}
    if opening and opening in "\"'":
        end = text.find(opening, start + 1, start + _MAX_VALUE_CHARS)
        return (end + 1, {name: restore(text[start + 1 : end]).strip()}) if end >= 0 else (-1, {})
    # The exporter lost the opening quote: `title=` and, lines later, `Create a token">`.
    bare = _BARE.match(text, start)
    if bare is None:
        return -1, {}
    return bare.end(), {name: " ".join(restore(bare[0]).strip("\"'").split())}


def _expression(name: str, inner: str) -> dict[str, str]:
    if len(inner) >= 2 and inner[0] == inner[-1] and inner[0] in "\"'`":
        return {name: " ".join(unescaped(inner[1:-1]).split())}
    if not inner.startswith("{"):
        return {name: "" if inner in {"true", "false", "null"} else inner}
    texts: dict[str, str] = {}
    for key, double, single, template in _TEXT_KEY.findall(inner):
        texts.setdefault(key, " ".join(unescaped(double or single or template).split()))
    return texts


def unescaped(text: str) -> str:
    """Return the text of a JavaScript string without the backslashes before its quotes."""
    return re.sub(r"""\\(["'`\\])""", r"\1", text)


def _closings(text: str) -> dict[str, int]:
    """Return where each name is closed last."""
    return {found[1] or "": found.start() for found in re.finditer(r"</([A-Za-z][\w.:-]*)?\s*>", text)}


def _is_markup(text: str, position: int, tag: Tag, closings: Mapping[str, int]) -> bool:
    name = tag.name
    if not name:
        return tag.is_closing or closings.get("", -1) > position
    if name in HTML:
        return True
    if not name[0].isupper():
        return False
    if not tag.is_closing and re.match(r"\w", text[position - 1 : position]):
        return False  # Array<Item>
    return tag.is_closing or tag.is_empty or closings.get(name, -1) > position


def _close(open_elements: list[Element], name: str) -> None:
    for depth in range(len(open_elements) - 1, 0, -1):
        if open_elements[depth].name == name:
            del open_elements[depth:]
            return


def _begins_line(text: str, position: int) -> bool:
    nearest = max(0, position - _MAX_INDENT)
    line = text.rfind("\n", nearest, position) + 1
    return (line > 0 or nearest == 0) and not text[line:position].strip()


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
