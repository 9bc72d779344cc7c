"""Read the .md and .mdx files below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from docs_index.importing.addresses import clean_path, unused
from docs_index.importing.decoding import decode
from docs_index.importing.fetching import MAX_PAGE_BYTES, MAX_SOURCE_BYTES
from docs_index.importing.mojibake import repair
from docs_index.importing.page import ImportedPage, make_page
from docs_index.importing.reading import MAX_PAGES, LeftOut

_EXTENSIONS: Final = (".md", ".mdx", ".markdown")
_OTHERS_FILES: Final = frozenset({"node_modules", "__pycache__", "venv"})


def read(root: Path) -> tuple[list[ImportedPage], list[LeftOut]]:
    """Return the pages below a folder in the order of their paths, and the files that could not be taken.

    Raises:
        OSError: the folder cannot be read.
    """
    pages: list[ImportedPage] = []
    left_out: list[LeftOut] = []
    taken: set[str] = set()
    size = 0
    for file in sorted(_files(root, left_out)):
        name = file.relative_to(root).as_posix()
        if len(pages) == MAX_PAGES:
            left_out.append(LeftOut(name, f"and all after it: more than {MAX_PAGES:,} pages"))
            break
        text = _text(file, name, left_out)
        size += len(text)
        if size > MAX_SOURCE_BYTES:
            left_out.append(LeftOut(name, f"and all after it: more than {MAX_SOURCE_BYTES // 2**20} MB"))
            break
        path = unused(clean_path(name), taken)
        page = make_page(repair(text), path=path, order=len(pages) + 1, is_mdx=file.suffix == ".mdx" or None)
        if page is not None:
            taken.add(path)
            pages.append(page)
        elif not left_out or left_out[-1].what != name:
            left_out.append(LeftOut(name, "there is no text in it"))
    return pages, left_out


def _files(root: Path, left_out: list[LeftOut]) -> Iterator[Path]:
    limit = root.resolve()
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if folder == root:
                raise
            left_out.append(LeftOut(folder.relative_to(root).as_posix(), error.strerror or str(error)))
            continue
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(".") or entry.name in _OTHERS_FILES:
                continue
            if entry.is_dir():
                # A link back into the folder would be walked for ever.
                if not entry.is_symlink():
                    pending.append(path)
            elif entry.name.lower().endswith(_EXTENSIONS) and entry.is_file():
                # A link out of the folder would take in a file that its owner never put there.
                if entry.is_symlink() and not path.resolve().is_relative_to(limit):
                    left_out.append(
                        LeftOut(path.relative_to(root).as_posix(), "it is a link out of the folder")
                    )
                else:
                    yield path


def _text(file: Path, name: str, left_out: list[LeftOut]) -> str:
    try:
        if file.stat().st_size > MAX_PAGE_BYTES:
            left_out.append(LeftOut(name, f"it is over {MAX_PAGE_BYTES // 2**20} MB"))
            return ""
        raw = file.read_bytes()
    except OSError as error:
        left_out.append(LeftOut(name, error.strerror or str(error)))
        return ""
    if b"\0" in raw[:8_000] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        left_out.append(LeftOut(name, "it is not text"))
        return ""
    return decode(raw)
