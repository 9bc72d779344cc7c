"""What reading a source comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from docs_index.importing.page import ImportedPage

MAX_PAGES: Final = 5_000


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of a source that was not imported, and why, as a sentence without its full stop."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The pages of a source; `kind` is one of `library_layout.KINDS`, `title` is "" where it tells none."""

    kind: str
    title: str
    pages: tuple[ImportedPage, ...]
    left_out: tuple[LeftOut, ...]
