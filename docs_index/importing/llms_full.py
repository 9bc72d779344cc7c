"""Take an llms-full.txt, all pages in one text, apart into its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from docs_index.importing.addresses import page_path, slug, unused
from docs_index.importing.fetching import is_url
from docs_index.importing.mdx import headings_outside_code
from docs_index.importing.page import ImportedPage, make_page, plain

_START: Final = re.compile(
    r"^#[ \t]+(?P<title>\S.*)\n(?:[ \t]*\n)?(?:Source|URL|Url):[ \t]*<?(?P<url>https?://[^\s>]+)>?[ \t]*\n?"
    r"(?:(?:[ \t]*\n)?Description:[ \t]*(?P<description>.*)\n?)?",
    re.MULTILINE,
)
_WHOLE: Final = re.compile(r"/llms(?:-[a-z]+)?\.txt$")
_RULE: Final = re.compile(r"\n[ \t]*(?:-{3,}|={3,}|\*{3,})[ \t]*\n*\Z")
_HEADER: Final = re.compile(r"^(?:#[ \t].*|>.*|(?:Source|URL):.*|[-=*]{3,}|[ \t]*)$", re.MULTILINE)
_CUT_OFF: Final = re.compile(r"""["'`]\s*;?\s*$""")


def is_llms_full(text: str) -> bool:
    """Return whether the text has pages that begin with a title and their address."""
    return any(not _is_header(found) for found in _START.finditer(text))


def split(text: str, source: str) -> Iterator[ImportedPage | None]:
    """Yield each page; None for one without text.

    Without addresses in it, each heading of the first level outside of code begins a page.
    """
    starts = [found for found in _START.finditer(text) if not _is_header(found)]
    if not starts:
        yield from _by_headings(text, source)
        return
    taken: set[str] = set()
    preface = text[: starts[0].start()]
    if _HEADER.sub("", preface).strip():
        yield _page(preface, taken, "index", 0)
    for order, (found, following) in enumerate(zip(starts, [*starts[1:], None], strict=True), start=1):
        body = text[found.end() : following.start() if following else len(text)]
        described = _CUT_OFF.sub("", found["description"] or "").strip()
        path = page_path(found["url"])
        yield _page(
            f"# {found['title']}\n\n{body}", taken, path, order, url=found["url"], description=described
        )


def title_of(text: str) -> str:
    """Return what the whole is called, or ""."""
    found = re.match(r"\s*#[ \t]+(\S.*)", text)
    whole = _START.match(text.lstrip())
    return plain(found[1]) if found and (whole is None or _is_header(whole)) else ""


def _page(
    text: str, taken: set[str], path: str, order: int, *, url: str = "", description: str = ""
) -> ImportedPage | None:
    path = unused(path, taken)
    text = _RULE.sub("\n", text.rstrip() + "\n")
    page = make_page(text, path=path, order=order, url=url, description=description)
    if page is not None:
        taken.add(path)
    return page


def _is_header(found: re.Match[str]) -> bool:
    return _WHOLE.search(urlsplit(found["url"]).path) is not None


def _by_headings(text: str, source: str) -> Iterator[ImportedPage | None]:
    taken: set[str] = set()
    url = source if is_url(source) else ""
    starts = headings_outside_code(text)
    preface = text[: starts[0]] if starts else text
    if preface.strip():
        yield _page(preface, taken, "index", 0, url=url)
    for order, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=False), start=1):
        part = text[start:end]
        path = slug(plain(part.split("\n", 1)[0].lstrip("# "))) or "page"
        yield _page(part, taken, path, order, url=url)
