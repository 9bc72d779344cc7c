"""Read the markdown files below a folder: which there are, and the page that each of them is."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from itertools import islice
from pathlib import Path, PurePosixPath

from docs_index import front_matter, sdks, sections
from docs_index.library_layout import SHIPPED
from docs_index.model import Page, Provenance
from docs_index.walking import files_below

MAX_FILES = 5_000
# Each question looks at all names again, and all text is held in memory.
_MAX_ENTRIES = 100_000
_MAX_BYTES = 50 * 1024 * 1024
_EXTENSIONS = (".md", ".mdx")
_MAX_FILE_BYTES = 5 * 1024 * 1024
_LAST = 10_000  # the place of a page whose front matter names none
# Answers show these in full, of many pages at once; what is longer is no name but damage, or malice.
_MAX_TITLE = 200
_MAX_DESCRIPTION = 500
_MAX_CATEGORY = 60
_MAX_ASKED = 20
_MAX_QUESTION = 200
_MAX_ADDRESS = 500
_MAX_ORDER_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the pages of one corpus have in common: its name and title, its source and its date.

    `source` is an address or a folder. Without `as_of`, each page has the date of its file.
    """

    corpus: str
    title: str
    source: str = ""
    as_of: str = ""

    @property
    def prefix(self) -> str:
        """What the paths of the pages begin with."""
        return "" if self.corpus == SHIPPED else f"{self.corpus}/"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file: when it was changed, as the file system says it, its SHA-256, and its page, if it is one."""

    stamp: tuple[int, ...]
    digest: bytes
    page: Page | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPages:
    """What was read of a folder: the files by name, the pages in reading order, one digest of all of it.

    `is_cut` says that there is more than can be held, and that the rest was left out.
    """

    place: Place
    files: Mapping[str, PageFile]
    pages: tuple[Page, ...]
    digest: str
    is_cut: bool


def read(root: Traversable, place: Place, before: FolderPages | None = None) -> FolderPages:
    """Return the pages below `root`; `before` itself when nothing changed since it was read.

    Only files that changed are read again. Links that lead out of `root`, hidden files, files over 5 MiB and
    pages without text are left out, and what is over 5,000 files, 50 MiB or 100,000 names in all.

    Raises:
        OSError: `root` is not a readable folder.
    """
    walk = _Walk()
    found = list(islice(_files_below(root, walk), MAX_FILES + 1))
    stamps = {name: stamp for name, _, stamp in sorted(found[:MAX_FILES], key=lambda file: file[0])}
    entries = {name: entry for name, entry, _ in found}
    known = before.files if before is not None and before.place == place else {}
    files: dict[str, PageFile] = {}
    for name, stamp in stamps.items():
        file = known.get(name)
        if file is None or file.stamp != stamp or not stamp:
            file = _read_file(name, entries[name], stamp, place)
        if file is not None:
            files[name] = file
    if before is not None and before.place == place and files == before.files:
        return before
    digest = hashlib.sha256(place.prefix.encode())
    pages: dict[str, Page] = {}
    for name, file in files.items():
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + file.digest)
        if file.page is not None:
            pages.setdefault(file.page.path, file.page)
    return FolderPages(
        place=place,
        files=files,
        pages=tuple(sorted(pages.values(), key=lambda page: (page.order, page.path))),
        digest=digest.hexdigest(),
        is_cut=walk.is_cut or len(found) > MAX_FILES,
    )


@dataclass(slots=True)
class _Walk:
    """How much of a folder was looked at so far, and whether that was too much."""

    entries: int = 0
    size: int = 0
    is_cut: bool = False

    def go_on(self, entries: int = 0, size: int = 0) -> bool:
        """Count, and return whether there is room for more."""
        self.entries += entries
        self.size += size
        self.is_cut |= self.entries > _MAX_ENTRIES or self.size > _MAX_BYTES
        return not self.is_cut


def _files_below(root: Traversable, walk: _Walk) -> Iterator[tuple[str, Traversable, tuple[int, ...]]]:
    """Yield (name relative to the root, file, stamp) of each page file; in a zip file, stamps are empty."""
    return _on_disk(root, walk) if isinstance(root, Path) else _in_package(root)


def _on_disk(root: Path, walk: _Walk) -> Iterator[tuple[str, Path, tuple[int, ...]]]:
    for name, entry in files_below(root, lambda name: name.endswith(_EXTENSIONS), has_room=walk.go_on):
        with contextlib.suppress(FileNotFoundError):  # removed since the folder was listed
            status = entry.stat()
            if status.st_size <= _MAX_FILE_BYTES and walk.go_on(size=status.st_size):
                yield name, Path(entry.path), (status.st_mtime_ns, status.st_size, status.st_ino)


def _in_package(root: Traversable) -> Iterator[tuple[str, Traversable, tuple[int, ...]]]:
    pending = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        for entry in folder.iterdir():
            if entry.is_dir():
                pending.append((f"{prefix}{entry.name}/", entry))
            elif entry.name.endswith(_EXTENSIONS):
                yield prefix + entry.name, entry, ()


def _read_file(name: str, entry: Traversable, stamp: tuple[int, ...], place: Place) -> PageFile | None:
    """Return None for a file that cannot be read; it is tried again at the next look."""
    try:
        raw = entry.read_bytes()
    except OSError:
        return None
    day = place.as_of or (datetime.fromtimestamp(stamp[0] / 1e9, UTC).date().isoformat() if stamp else "")
    page = _page(name, raw.decode("utf-8", "replace"), place, day)
    return PageFile(stamp, hashlib.sha256(raw).digest(), page)


def _page(name: str, source: str, place: Place, as_of: str) -> Page | None:
    matter, body = front_matter.split(source.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff"))
    if not body.strip():
        return None
    path = _path_of(place.prefix + name)
    lines = body.strip("\n").split("\n")
    first_heading = lines[0].removeprefix("# ").strip() if lines[0].startswith("# ") else ""
    title = matter.text("title") or first_heading or PurePosixPath(path).name.replace("-", " ").capitalize()
    title = title[:_MAX_TITLE]
    if first_heading != title:
        lines = [f"# {title}", "", *lines]
    declared = sdks.in_order({sdk for item in matter.items("sdks") if (sdk := sdks.named(item))})
    category = matter.text("category") or (name.split("/", maxsplit=1)[0] if "/" in name else "general")
    category = category[:_MAX_CATEGORY]
    parts = sections.split(
        lines, path=path, title=title, category=category, page_sdks=sdks.in_path(path) or declared
    )
    return Page(
        path=path,
        provenance=Provenance(
            corpus=place.corpus, title=place.title, source=_source(matter, name, place), as_of=as_of
        ),
        title=title,
        description=matter.text("description")[:_MAX_DESCRIPTION],
        asked=tuple(phrase[:_MAX_QUESTION] for phrase in matter.items("asked")[:_MAX_ASKED]),
        category=category,
        declared_sdks=declared,
        sdks=sdks.in_order({sdk for part in parts for sdk in part.sdks}),
        order=_order(matter.text("order")),
        text="\n".join(lines) + "\n",
        lines=tuple(lines),
        sections=parts,
    )


def _order(text: str) -> int:
    # Python refuses to read numbers of thousands of digits.
    return int(text) if text.isdecimal() and len(text) <= _MAX_ORDER_DIGITS else _LAST


def _source(matter: front_matter.FrontMatter, name: str, place: Place) -> str:
    """Return where a page is to be found: its address, its file, or at least where its corpus is from."""
    if not place.source:
        return ""
    url = matter.text("url")
    if url.startswith(("https://", "http://")) and len(url) <= _MAX_ADDRESS:
        return url
    return place.source if "://" in place.source else f"{place.source.rstrip('/')}/{name}"


def _path_of(name: str) -> str:
    """Return a file's path in the corpus: no extension, and a folder's index page is the folder."""
    path = str(PurePosixPath(name).with_suffix(""))
    return path.removesuffix("/index")
