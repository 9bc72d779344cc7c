"""Read whatever the user named: an llms-full.txt, an llms.txt with its pages, or a folder.

Which of them it is shows in what is there, so nobody has to say it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from docs_index.errors import quote
from docs_index.importing import folder, llms_full, llms_txt
from docs_index.importing.addresses import page_path
from docs_index.importing.decoding import decode
from docs_index.importing.errors import SourceError
from docs_index.importing.fetching import (
    MAX_PAGE_BYTES,
    MAX_SOURCE_BYTES,
    Failure,
    Fetched,
    Fetcher,
    is_url,
    location,
    same_site,
)
from docs_index.importing.llms_txt import Link
from docs_index.importing.mojibake import repair
from docs_index.importing.page import ImportedPage, make_page
from docs_index.importing.reading import MAX_PAGES, LeftOut, Reading
from docs_index.naming import unused

_KINDS_HINT: Final = "Give an llms-full.txt or llms.txt, as a file or an address, or a folder of .md files."


def read(source: str, *, fetcher: Fetcher, allowed_hosts: Sequence[str] = ()) -> Reading:
    """Return the pages of a source.

    Args:
        source: an http(s) address or a path.
        fetcher: what asks for addresses.
        allowed_hosts: hosts that may be asked besides that of the source.

    Raises:
        SourceError: the source cannot be read, or there is no page in it.
    """
    if not source.strip():
        raise SourceError("There is no source.", hint=_KINDS_HINT)
    if is_url(source):
        reading = _from_url(source, fetcher, allowed_hosts)
    elif "://" in source:
        raise SourceError(f"{quote(source)} is no http(s) address.", hint=_KINDS_HINT)
    else:
        reading = _from_path(full_path(source), fetcher, allowed_hosts)
    if not reading.pages:
        first = f" ({reading.left_out[0].what}: {reading.left_out[0].why})" if reading.left_out else ""
        raise SourceError(f"No page of {quote(source)} can be imported{first}.", hint=_no_page_hint(reading))
    return reading


def full_path(source: str) -> Path:
    """Return the path that a source means.

    Raises:
        SourceError: it begins in the home of somebody who has none.
    """
    try:
        return Path(source).expanduser().absolute()
    except (RuntimeError, OSError):
        raise SourceError(f"{quote(source)} leads to no folder of this machine.", hint=_KINDS_HINT) from None


def _no_page_hint(reading: Reading) -> str:
    hosts = sorted({host for entry in reading.left_out if (host := location(entry.what).netloc)})
    if reading.kind == "llms-txt" and hosts and all("host" in entry.why for entry in reading.left_out):
        return f"If you trust its links, add --allow-host {hosts[0]}."
    return _KINDS_HINT


def _from_path(path: Path, fetcher: Fetcher, allowed_hosts: Sequence[str]) -> Reading:
    try:
        if path.is_dir():
            pages, left_out = folder.read(path)
            return Reading(kind="folder", title="", pages=tuple(pages), left_out=tuple(left_out))
        if not path.is_file() and path.exists():  # a device or a pipe, which may never end
            raise SourceError(f"{quote(str(path))} is neither a file nor a folder.", hint=_KINDS_HINT)
        with path.open("rb") as file:
            raw = file.read(MAX_SOURCE_BYTES + 1)
        if len(raw) > MAX_SOURCE_BYTES:
            raise SourceError(f"{quote(str(path))} is over {MAX_SOURCE_BYTES // 2**20} MB.", hint=_KINDS_HINT)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{quote(str(path))} cannot be read: {reason}.", hint=_KINDS_HINT) from error
    if b"\0" in raw[:8_000] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(f"{quote(str(path))} is not text.", hint=_KINDS_HINT)
    return _from_text(decode(raw), str(path), fetcher, allowed_hosts)


def _from_url(url: str, fetcher: Fetcher, allowed_hosts: Sequence[str]) -> Reading:
    may_ask = same_site(url, allowed_hosts)
    if not may_ask(url):
        raise SourceError(f"{quote(url)} is no http(s) address.", hint=_KINDS_HINT)
    found = fetcher.fetch([url], max_bytes=MAX_SOURCE_BYTES, may_ask=may_ask)[url]
    if isinstance(found, Failure):
        raise SourceError(f"{quote(url)} cannot be fetched: {found.reason}.", hint="Nothing was imported.")
    if found.is_html:
        parts = urlsplit(url)
        raise SourceError(
            f"{quote(url)} is a web page.",
            hint=f"Look for {parts.scheme}://{parts.netloc}/llms-full.txt or /llms.txt, and import that.",
        )
    return _from_text(found.text, found.url, fetcher, allowed_hosts)


def _from_text(text: str, source: str, fetcher: Fetcher, allowed_hosts: Sequence[str]) -> Reading:
    text = repair(text.replace("\r\n", "\n").replace("\r", "\n"))
    if not llms_full.is_llms_full(text) and llms_txt.is_llms_txt(text):
        return _linked(text, source, fetcher, allowed_hosts)
    pages: list[ImportedPage] = []
    empty = 0
    left_out: list[LeftOut] = []
    for page in llms_full.split(text, source):
        if page is None:
            empty += 1
        elif len(pages) == MAX_PAGES:
            left_out.append(
                LeftOut(page.url or page.path, f"and all after it: more than {MAX_PAGES:,} pages")
            )
            break
        else:
            pages.append(page)
    if empty:
        left_out.append(LeftOut("a page" if empty == 1 else f"{empty} pages", "there is no text"))
    title = llms_full.title_of(text)
    return Reading(kind="llms-full", title=title, pages=tuple(pages), left_out=tuple(left_out))


def _linked(text: str, source: str, fetcher: Fetcher, allowed_hosts: Sequence[str]) -> Reading:
    """Fetch the pages that an llms.txt links."""
    may_ask = same_site(source if is_url(source) else "", allowed_hosts)
    links = llms_txt.links(text, source if is_url(source) else "")
    left_out: list[LeftOut] = []
    asked: list[Link] = []
    for link in links:
        if not is_url(link.url):
            left_out.append(LeftOut(link.url, "it is no http(s) address; import the folder instead"))
        elif not (host := location(link.url).netloc):
            left_out.append(LeftOut(link.url, "it is no address that can be asked"))
        elif not may_ask(link.url):
            left_out.append(LeftOut(link.url, f"it is on another host (--allow-host {host} takes it in)"))
        else:
            asked.append(link)
    if len(asked) > MAX_PAGES:
        left_out.append(LeftOut(asked[MAX_PAGES].url, f"and all after it: more than {MAX_PAGES:,} pages"))
        asked = asked[:MAX_PAGES]
    found = _fetched_as_text([link.url for link in asked], fetcher, may_ask)
    pages: list[ImportedPage] = []
    taken: set[str] = set()
    for link in asked:
        answer = found[link.url]
        if isinstance(answer, Failure):
            left_out.append(LeftOut(link.url, answer.reason))
            continue
        path = unused(page_path(link.url), taken)
        page = make_page(
            repair(answer.text),
            path=path,
            order=len(pages) + 1,
            url=link.url,
            title=link.title,
            description=link.description,
            is_mdx=urlsplit(link.url).path.endswith(".mdx") or None,
        )
        if page is None:
            left_out.append(LeftOut(link.url, "there is no text in it"))
        else:
            taken.add(path)
            pages.append(page)
    title = llms_txt.title_of(text)
    return Reading(kind="llms-txt", title=title, pages=tuple(pages), left_out=tuple(left_out))


def _fetched_as_text(
    urls: Sequence[str], fetcher: Fetcher, may_ask: Callable[[str], bool]
) -> Mapping[str, Fetched | Failure]:
    """Fetch addresses; where one is a web page, ask for the markdown that many sites have beside it."""
    found = dict(fetcher.fetch(urls, max_bytes=MAX_PAGE_BYTES, may_ask=may_ask)) if urls else {}
    beside = {
        url: urlsplit(url)._replace(path=f"{urlsplit(url).path.rstrip('/')}.md").geturl()
        for url, answer in found.items()
        if isinstance(answer, Fetched) and answer.is_html
    }
    again = fetcher.fetch(list(beside.values()), max_bytes=MAX_PAGE_BYTES, may_ask=may_ask) if beside else {}
    for url, other in beside.items():
        answer = again[other]
        usable = isinstance(answer, Fetched) and not answer.is_html
        found[url] = (
            answer if usable else Failure(reason="it is a web page, and there is no markdown beside it")
        )
    return found
