"""The corpora that are there now, in their order of preference.

First the user's own folders, in the order given, then the imported corpora and the shipped pages, in the
order that the library names. What changed is seen by looking at names, sizes and times when asked; nothing
is watched, and nothing is read before the first question.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from docs_index import corpus, library_layout, naming, page_files
from docs_index.corpus import Corpus
from docs_index.errors import CorpusError, quote
from docs_index.imported import Imported
from docs_index.library_layout import MAX_NAME, SHIPPED
from docs_index.page_files import MAX_FILES, FolderPages, Place

logger = logging.getLogger(__name__)


class Library:
    """Everything that a documentation index reads. Not safe for threads: its owner locks."""

    def __init__(self, shipped: Path | None, folders: Sequence[Path], imported: Path | None) -> None:
        """Remember where to look.

        Args:
            shipped: the pages with bare paths; those of this package when None.
            folders: the user's own, read live.
            imported: the folder with the imported corpora.
        """
        self._shipped_root = shipped
        # Not `resolve`: a folder that is a link keeps the name by which the user knows it.
        self._folders = tuple(dict.fromkeys(Path(os.path.abspath(folder)) for folder in folders))  # noqa: PTH100
        self._imported = Imported(imported)
        self._is_fixed = not folders and imported is None
        self._shipped: FolderPages | None = None
        self._live: dict[Path, FolderPages] = {}
        self._parts: tuple[FolderPages, ...] = ()
        self._corpus: Corpus | None = None

    def current(self) -> Corpus:
        """Return what is there now: the same object as before when nothing has changed.

        A corpus that cannot be used is left out, and named in the notices.

        Raises:
            CorpusError: the pages with bare paths cannot be read.
        """
        before = self._corpus
        if before is not None and self._is_fixed:
            return before
        notices: list[str] = []
        parts = self._read(notices)
        if before is not None and notices == list(before.notices) and _same(parts, self._parts):
            return before
        for notice in notices:
            if before is None or notice not in before.notices:
                logger.warning("%s", notice)
        self._parts = parts
        self._corpus = corpus.combine(parts, notices)
        return self._corpus

    def _read(self, notices: list[str]) -> tuple[FolderPages, ...]:
        """Return what is there, the most preferred first; `notices` get what is left out."""
        shipped = self._read_shipped()
        # A corpus of such a name would hide pages whose paths have always been bare.
        reserved = {SHIPPED, *(page.path.split("/")[0] for page in shipped.pages)}
        ranked = {SHIPPED: shipped, **self._imported.corpora(reserved, notices)}
        live = tuple(self._read_live({*reserved, *ranked}, notices))
        order = library_layout.preferred(ranked, self._imported.order(notices))
        return (*live, *(ranked[name] for name in order))

    def _read_shipped(self) -> FolderPages:
        if self._shipped is None:
            root = self._shipped_root or files("docs_index") / "corpus"
            try:
                self._shipped = page_files.read(root, _shipped_place())
            except OSError as error:
                raise CorpusError(
                    f"The documentation folder {quote(str(root))} cannot be read: {error.strerror or error}.",
                    hint="Give a folder of .md or .mdx files.",
                ) from error
        return self._shipped

    def _read_live(self, taken: set[str], notices: list[str]) -> Iterator[FolderPages]:
        for root in self._folders:
            name = naming.unused(naming.slug(root.name, MAX_NAME) or "own", taken, MAX_NAME)
            taken.add(name)
            place = Place(corpus=name, title=root.name or name, source=str(root))
            try:
                found = page_files.read(root, place, self._live.get(root))
            except OSError as error:
                reason = error.strerror or error
                notices.append(f"The documentation folder {quote(str(root))} is left out: {reason}.")
                continue
            self._live[root] = found
            if found.is_cut:
                notices.append(
                    f"The documentation folder {quote(str(root))} has more than can be held "
                    f"({MAX_FILES:,} pages, 50 MB, 100,000 names); the rest is left out."
                )
            yield found


def _same(left: Sequence[FolderPages], right: Sequence[FolderPages]) -> bool:
    return len(left) == len(right) and all(one is other for one, other in zip(left, right, strict=True))


def _shipped_place() -> Place:
    try:
        version = metadata.version("stepcue")
    except metadata.PackageNotFoundError:  # a checkout that was never installed
        version = ""
    return Place(corpus=SHIPPED, title="Stepcue", as_of=version)
