"""Take an llms-full.txt, all pages in one text, apart into its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from docs_index import front_matter
from docs_index.importing.addresses import page_path, titled_path
from docs_index.importing.fetching import is_url, location
from docs_index.importing.mdx import headings_outside_code
from docs_index.importing.page import ImportedPage, make_page, plain
from docs_index.naming import unused

_START: Final = re.compile(
    r"^#[ \t]+(?P<title>\S.*)\n(?:[ \t]*\n)?(?:Source|URL|Url):[ \t]*<?(?P<url>https?://[^\s>]+)>?[ \t]*\n?"
    r"(?:(?:[ \t]*\n)?Description:[ \t]*(?P<description>.*)\n?)?",
    re.MULTILINE,
)
# Other exporters put the front matter of each page before it, some of them within <page> tags.
_MATTER: Final = re.compile(
    r"^---[ \t]*\n(?=(?:[\w-]+:.*\n|[ \t]+.*\n)*?title:.*\n)(?:[\w-]+:.*\n|[ \t]+.*\n){1,60}---[ \t]*$",
    re.MULTILINE,
)
_PAGE_TAG: Final = re.compile(r"^</?(?:page|document|doc)\b[^>\n]*>[ \t]*$", re.MULTILINE)
_WHOLE: Final = re.compile(r"/llms(?:-[a-z]+)?\.txt$")
_ADDRESSES: Final = ("url", "source", "source_url", "canonical", "permalink", "link")
_RULE: Final = re.compile(r"\n[ \t]*(?:-{3,}|={3,}|\*{3,})[ \t]*\n*\Z")
_HEADER: Final = re.compile(r"^(?:#[ \t].*|>.*|(?:Source|URL):.*|[-=*]{3,}|[ \t]*)$", re.MULTILINE)
_CUT_OFF: Final = re.compile(r"""["'`]\s*+;?+\s*+$""")


def is_llms_full(text: str) -> bool:
    """Return whether the text has pages that begin with a title and their address."""
    return any(not _is_header(found) for found in _START.finditer(text)) or _has_matter(text)


def split(text: str, source: str) -> Iterator[ImportedPage | None]:
    """Yield each page; None for one without text.

    Without addresses below the titles, front matter begins a page, or else each heading of the first level
    outside of code.
    """
    starts = [found for found in _START.finditer(text) if not _is_header(found)]
    if not starts:
        yield from _by_front_matter(text) if _has_matter(text) else _by_headings(text, source)
        return
    taken: set[str] = set()
    yield from _preface(text[: starts[0].start()], taken)
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


def _preface(text: str, taken: set[str]) -> Iterator[ImportedPage | None]:
    """Yield a page of what stands before the first one, unless that is only a title."""
    if _HEADER.sub("", text).strip():
        yield _page(text, taken, "index", 0)


def _is_header(found: re.Match[str]) -> bool:
    return _WHOLE.search(location(found["url"]).path) is not None


def _has_matter(text: str) -> bool:
    return len(_MATTER.findall(text)) > 1


def _by_front_matter(text: str) -> Iterator[ImportedPage | None]:
    taken: set[str] = set()
    text = _PAGE_TAG.sub("", text)
    starts = [found.start() for found in _MATTER.finditer(text)]
    yield from _preface(text[: starts[0]], taken)
    for order, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True), start=1):
        part = text[start:end]
        matter, _ = front_matter.split(part)
        url = next((url for key in _ADDRESSES if is_url(url := matter.text(key))), "")
        path = page_path(url) if url else titled_path(matter.text("title"))
        yield _page(part, taken, path, order, url=url)


def _by_headings(text: str, source: str) -> Iterator[ImportedPage | None]:
    taken: set[str] = set()
    url = source if is_url(source) else ""
    starts = headings_outside_code(text)
    preface = text[: starts[0]] if starts else text
    if preface.strip():
        yield _page(preface, taken, "index", 0, url=url)
    for order, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=False), start=1):
        part = text[start:end]
        path = titled_path(plain(part.split("\n", 1)[0].lstrip("# ")))
        yield _page(part, taken, path, order, url=url)
