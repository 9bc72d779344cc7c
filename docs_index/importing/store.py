"""Write imported corpora into a library, one whole corpus at a time.

A corpus is written beside its place and renamed into it, so that a reader sees the old one or the new one.
A process that is killed between the two renames leaves the old one under another name, from which the next
change of the library, or `mend`, brings it back.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from docs_index.errors import quote
from docs_index.importing.errors import LibraryError
from docs_index.library_layout import (
    CORPUS_FILE,
    LIBRARY_FILE,
    PAGES_FOLDER,
    SHIPPED,
    VERSION,
    DamagedError,
    is_name,
    preferred,
    read_json,
    read_order,
)

LOCK_FILE: Final = ".lock"
_NEW: Final = ".new-"
_OLD: Final = ".old-"
_GONE: Final = ".gone-"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusRecord:
    """What corpus.json says about a corpus; `imported_at` is ISO 8601 in UTC."""

    name: str
    title: str
    source: str
    kind: str
    imported_at: str
    pages: int

    def as_json(self) -> dict[str, Any]:
        """Return the fields by their names in corpus.json."""
        return {
            "name": self.name,
            "title": self.title,
            "source": self.source,
            "kind": self.kind,
            "importedAt": self.imported_at,
            "pages": self.pages,
        }


class Store:
    """The corpora in one library folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def corpora(self) -> list[CorpusRecord]:
        """Return the imported corpora, the most preferred first."""
        self.mend()
        names = [entry.name for entry in _entries(self.folder) if is_name(entry.name)]
        records = {name: record for name in names if (record := self._record(name))}
        return [records[name] for name in preferred(records, self.order())]

    def order(self) -> list[str]:
        """Return the order of preference as it is written down, [] when it cannot be read."""
        try:
            return read_order(self.folder)
        except DamagedError:
            return []

    def files(self, name: str) -> dict[str, bytes]:
        """Return the content of the pages of a corpus, by path with extension, as far as they can be read."""
        root = self.folder / name / PAGES_FOLDER
        found: dict[str, bytes] = {}
        with contextlib.suppress(OSError):  # another process may replace or remove it meanwhile
            for path in root.rglob("*.md"):
                found[path.relative_to(root).as_posix()] = path.read_bytes()
        return found

    def replace(self, record: CorpusRecord, files: Mapping[str, str]) -> None:
        """Write a corpus in the place of the one with its name, if there is one.

        Raises:
            LibraryError: it cannot be written, or somebody else changes the library.
        """
        with self._changing():
            fresh = self.folder / f"{_NEW}{record.name}-{secrets.token_hex(4)}"
            try:
                _write_corpus(fresh, record, files)
                place = self.folder / record.name
                if place.exists():
                    old = self.folder / f"{_OLD}{record.name}"
                    place.rename(old)
                    try:
                        fresh.rename(place)
                    except BaseException:
                        old.rename(place)
                        raise
                    shutil.rmtree(old, ignore_errors=True)
                else:
                    fresh.rename(place)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Remove a corpus and its place in the order.

        Raises:
            LibraryError: there is none of this name, or it cannot be removed.
        """
        with self._changing():
            place = self.folder / name
            if not is_name(name) or not place.is_dir():  # a damaged one too
                raise LibraryError(
                    f"No imported documentation is called {quote(name)}.", hint=self._names_hint()
                )
            gone = self.folder / f"{_GONE}{name}-{secrets.token_hex(4)}"
            place.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
            self._write_order([other for other in self.order() if other != name])

    def prefer(self, names: Sequence[str]) -> list[str]:
        """Put these names before all others, and return the whole order as it is now.

        Raises:
            LibraryError: a name is neither an imported corpus nor `stepcue`.
        """
        with self._changing():
            known = {record.name for record in self.corpora()} | {SHIPPED}
            for name in names:
                if name not in known:
                    raise LibraryError(f"No documentation is called {quote(name)}.", hint=self._names_hint())
            order = preferred(known, [*names, *self.order()])
            self._write_order(order)
            return order

    def mend(self) -> None:
        """Bring back a corpus whose replacement was broken off, and clear away what such writers left.

        Does nothing while somebody changes the library, or where it cannot be written.
        """
        if any(entry.name.startswith((_NEW, _OLD, _GONE)) for entry in _entries(self.folder)):
            with contextlib.suppress(LibraryError), self._changing():
                pass

    def _mend(self) -> None:
        for entry in _entries(self.folder):
            if entry.name.startswith(_OLD):
                place = self.folder / entry.name.removeprefix(_OLD)
                if not place.exists():
                    entry.rename(place)
                    continue
            if entry.name.startswith((_NEW, _OLD, _GONE)):
                shutil.rmtree(entry, ignore_errors=True)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the library, so that one change comes after the other; may be entered again."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._lock():
                self._mend()
                yield
        except Timeout:
            raise LibraryError(
                "Another command is changing the imported documentation.", hint="Try again when it has ended."
            ) from None
        except OSError as error:
            raise LibraryError(
                f"The library {quote(str(self.folder))} cannot be changed: {error.strerror or error}.",
                hint="Nothing was changed.",
            ) from error

    def _lock(self) -> FileLock:
        return FileLock(self.folder / LOCK_FILE, timeout=0, is_singleton=True)

    def _record(self, name: str) -> CorpusRecord | None:
        try:
            about = read_json(self.folder / name / CORPUS_FILE)
        except DamagedError:
            about = {}
        if not about:
            return None
        pages = about.get("pages")
        return CorpusRecord(
            name=name,
            title=str(about.get("title") or name),
            source=str(about.get("source") or ""),
            kind=str(about.get("kind") or ""),
            imported_at=str(about.get("importedAt") or ""),
            pages=pages if isinstance(pages, int) else 0,
        )

    def _names_hint(self) -> str:
        names = [record.name for record in self.corpora()]
        return f"There are: {', '.join(names)}." if names else "Nothing was imported yet."

    def _write_order(self, order: Sequence[str]) -> None:
        temporary = self.folder / f"{_NEW}{LIBRARY_FILE}-{secrets.token_hex(4)}"
        temporary.write_text(json.dumps({"order": list(order)}, indent=2) + "\n", encoding="utf-8")
        temporary.replace(self.folder / LIBRARY_FILE)


def _write_corpus(folder: Path, record: CorpusRecord, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / PAGES_FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    about = json.dumps({"version": VERSION, **record.as_json()}, indent=2, ensure_ascii=False)
    (folder / CORPUS_FILE).write_text(about + "\n", encoding="utf-8")


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder))
    except OSError:
        return []
