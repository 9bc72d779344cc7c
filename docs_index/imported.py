"""The imported corpora in a library: those that can be used, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from docs_index import page_files
from docs_index.errors import quote
from docs_index.library_layout import (
    CORPUS_FILE,
    PAGES_FOLDER,
    VERSION,
    DamagedError,
    is_name,
    read_json,
    read_order,
)
from docs_index.page_files import FolderPages, Place

_MAX_TITLE = 100
_MAX_SOURCE = 500


class Imported:
    """What `stepcue docs import` wrote below one folder. A corpus that was imported again is read again."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._known: dict[str, tuple[tuple[int, ...], FolderPages]] = {}

    def corpora(self, reserved: Collection[str], notices: list[str]) -> dict[str, FolderPages]:
        """Return name → pages of the corpora that can be used; what is left out is added to `notices`.

        Args:
            reserved: names that no corpus may have.
            notices: sentences for the user.
        """
        found: dict[str, FolderPages] = {}
        for folder in self._folders():
            try:
                found[folder.name] = self._read(folder, reserved)
            except DamagedError as fault:
                notices.append(f"The imported corpus {quote(folder.name)} is left out: {fault}.")
        notices += [
            f"The imported corpus {quote(name)} has more than can be held; the rest is left out."
            for name, pages in found.items()
            if pages.is_cut
        ]
        # What was removed is not kept in memory.
        self._known = {name: known for name, known in self._known.items() if name in found}
        return found

    def order(self, notices: list[str]) -> list[str]:
        """Return the names in the user's order of preference, as far as there is one."""
        if self._root is None:
            return []
        try:
            return read_order(self._root)
        except DamagedError as fault:
            notices.append(f"The order of preference of the corpora does not count: {fault}.")
            return []

    def _folders(self) -> list[Path]:
        if self._root is None:
            return []
        try:
            # What begins with a dot is on its way in or out.
            entries = [entry for entry in self._root.iterdir() if not entry.name.startswith(".")]
        except OSError:
            return []  # nothing was ever imported
        return sorted(entry for entry in entries if entry.is_dir())

    def _read(self, folder: Path, reserved: Collection[str]) -> FolderPages:
        if not is_name(folder.name) or folder.name in reserved:
            raise DamagedError("a corpus cannot have this name")
        try:
            status = (folder / CORPUS_FILE).stat()
        except OSError:
            raise DamagedError(f"it has no {CORPUS_FILE}") from None
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._known.get(folder.name)
        if known is not None and known[0] == stamp:
            return known[1]
        place = _place(folder)
        try:
            pages = page_files.read(folder / PAGES_FOLDER, place)
        except OSError as error:
            raise DamagedError(f"its pages cannot be read ({error.strerror or error})") from None
        if not pages.pages:
            raise DamagedError("it has no page")
        self._known[folder.name] = (stamp, pages)
        return pages


def _place(folder: Path) -> Place:
    about = read_json(folder / CORPUS_FILE)
    if about.get("version") != VERSION:
        raise DamagedError(f"version {quote(str(about.get('version')))} of {CORPUS_FILE} is unknown")
    if about.get("name") != folder.name:
        raise DamagedError(f"its {CORPUS_FILE} is that of another one")
    title, source, at = (about.get(key) for key in ("title", "source", "importedAt"))
    if not (isinstance(title, str) and isinstance(source, str) and isinstance(at, str) and source):
        raise DamagedError(f"its {CORPUS_FILE} does not say where it is from, and since when")
    return Place(
        corpus=folder.name,
        title=title[:_MAX_TITLE] or folder.name,
        source=source[:_MAX_SOURCE],
        as_of=at[:10],
    )
