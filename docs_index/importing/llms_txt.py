"""Read an llms.txt: a list of links to pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urldefrag, urljoin

from docs_index.importing.page import plain

_LINK: Final = re.compile(
    r"^[ \t]*[-*+][ \t]+\[(?P<title>[^\]\n]*)\]\(<?(?P<url>[^)\s>]{1,2000})>?[^)\n]{0,500}\)(?P<notes>.*)$",
    re.MULTILINE,
)
_TITLE: Final = re.compile(r"^#[ \t]+(\S.*)$", re.MULTILINE)
_TEXT_LINE: Final = re.compile(r"^[ \t]*[^\s#>].*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Link:
    """One page of the list; `url` is absolute when the list has an address, without anchor."""

    url: str
    title: str
    description: str


def is_llms_txt(text: str) -> bool:
    """Return whether most lines of text are links in a list."""
    return len(_LINK.findall(text)) * 2 > len(_TEXT_LINE.findall(text))


def links(text: str, base: str) -> list[Link]:
    """Return the links, each address once, in their order."""
    found: dict[str, Link] = {}
    for match in _LINK.finditer(text):
        try:
            url = urldefrag(urljoin(base, match["url"])).url
        except ValueError:
            url = match["url"]
        notes = match["notes"].strip().lstrip(":-\u2013\u2014").strip()
        found.setdefault(url, Link(url, plain(match["title"]), plain(notes)))
    return list(found.values())


def title_of(text: str) -> str:
    """Return what the list is called, or ""."""
    found = _TITLE.search(text)
    return plain(found[1]) if found else ""
