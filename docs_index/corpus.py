"""All pages that are held, of one corpus or of several, as a value."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from docs_index import sdks
from docs_index.analyser import words_of
from docs_index.model import Page, Section
from docs_index.page_files import FolderPages
from docs_index.results import CorpusEntry

_SCHEMES = ("https://", "http://")


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All pages, by path: the most preferred corpus first, each in reading order.

    `digest` is the SHA-256 of their sources in hex, `parts` what the corpora are, the most preferred first,
    `notices` what was left out and why, as sentences.
    """

    pages: Mapping[str, Page]
    digest: str
    parts: tuple[CorpusEntry, ...]
    notices: tuple[str, ...] = ()

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Every section of every page, in reading order."""
        return tuple(section for page in self.pages.values() for section in page.sections)

    @cached_property
    def categories(self) -> Mapping[str, int]:
        """The number of pages in each category, in reading order."""
        counts: dict[str, int] = {}
        for page in self.pages.values():
            counts[page.category] = counts.get(page.category, 0) + 1
        return counts

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The top folders, in reading order."""
        return tuple(dict.fromkeys(path.split("/")[0] for path in self.pages if "/" in path))

    @cached_property
    def sdk_coverage(self) -> Mapping[str, int]:
        """The number of pages that hold something for each SDK."""
        return {sdk: sum(sdk in page.sdks for page in self.pages.values()) for sdk in sdks.SDKS}

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Name of a corpus → its place in the order of preference, from 0."""
        return {part.name: place for place, part in enumerate(self.parts)}

    @cached_property
    def name_words(self) -> Mapping[str, frozenset[str]]:
        """Path → the words of the path and the title of a page."""
        return {path: frozenset(words_of(f"{path} {page.title}")) for path, page in self.pages.items()}

    @cached_property
    def by_address(self) -> Mapping[str, str]:
        """Address of a page at its source, as `bare_address` gives it → path; the most preferred one."""
        of_corpora = {part.source for part in self.parts}  # what pages without an address of their own have
        found: dict[str, str] = {}
        for page in self.pages.values():
            source = page.provenance.source
            if source.startswith(_SCHEMES) and source not in of_corpora:
                found.setdefault(bare_address(source), page.path)
        return found


def combine(folders: Iterable[FolderPages], notices: Iterable[str] = ()) -> Corpus:
    """Return the pages of several folders as one corpus; the most preferred folder first."""
    pages: dict[str, Page] = {}
    digest = hashlib.sha256()
    parts: list[CorpusEntry] = []
    for folder in folders:
        digest.update(folder.digest.encode())
        for page in folder.pages:
            pages.setdefault(page.path, page)
        parts.append(
            CorpusEntry(
                name=folder.place.corpus,
                title=folder.place.title,
                source=folder.place.source,
                as_of=folder.place.as_of or max((page.provenance.as_of for page in folder.pages), default=""),
                pages=len(folder.pages),
            )
        )
    return Corpus(pages=pages, digest=digest.hexdigest(), parts=tuple(parts), notices=tuple(notices))


def bare_address(url: str) -> str:
    """Return an address by which pages are compared: without scheme, "www.", extension, query and anchor."""
    bare = url.partition("#")[0].partition("?")[0].partition("://")[2].strip("/ ").lower()
    for ending in (".mdx", ".md", ".html"):
        bare = bare.removesuffix(ending)
    return bare.removeprefix("www.").removesuffix("/index")
