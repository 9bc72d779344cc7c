"""Pages and sections: what the documentation consists of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """One heading of a page.

    `anchor` is unique within the page; `line` is 1-based; `level` is 1 (the page title) to 6.
    """

    text: str
    anchor: str
    level: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The lines from one heading to the next, of whatever level.

    `heading_path` starts with the page title and ends with the section's own heading.
    `line_start` and `line_end` are 1-based and inclusive. `sdks` is empty when the section applies to
    every SDK. `prose` and `code` are the text outside and inside of code fences.
    """

    path: str
    category: str
    heading: Heading
    heading_path: tuple[str, ...]
    line_start: int
    line_end: int
    sdks: tuple[str, ...]
    prose: str
    code: str

    @property
    def text(self) -> str:
        """All that is said: the heading, the prose and the code."""
        return f"{self.heading.text} {self.prose} {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a page comes from.

    `corpus` is the name of its corpus and `title` what that is called. `source` is the page's address, or the
    file, and "" for the shipped pages. `as_of` is the day it was imported or changed (YYYY-MM-DD), for the
    shipped pages the version of the package.
    """

    corpus: str
    title: str
    source: str
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, with the text as every operation shows it: front matter removed, title as first line.

    `path` has no extension ("steps/run") and begins with the name of the corpus unless that is the shipped
    one. `asked` is what people ask when this page is the answer, in their words: searched, and never shown.
    `declared_sdks` is what the front matter says, `sdks` what the content shows; both empty for a page that
    applies to every SDK. Lines are counted from 1.
    """

    path: str
    provenance: Provenance
    title: str
    description: str
    asked: tuple[str, ...]
    category: str
    declared_sdks: tuple[str, ...]
    sdks: tuple[str, ...]
    order: int
    text: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The headings of the page, in page order; the first is the title."""
        return tuple(section.heading for section in self.sections)
