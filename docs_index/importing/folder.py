"""Read the .md and .mdx files below a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from docs_index.importing.addresses import clean_path
from docs_index.importing.decoding import decode
from docs_index.importing.fetching import MAX_PAGE_BYTES, MAX_SOURCE_BYTES
from docs_index.importing.mojibake import repair
from docs_index.importing.page import ImportedPage, make_page
from docs_index.importing.reading import MAX_PAGES, LeftOut
from docs_index.naming import unused
from docs_index.walking import files_below

_EXTENSIONS: Final = (".md", ".mdx", ".markdown")


def read(root: Path) -> tuple[list[ImportedPage], list[LeftOut]]:
    """Return the pages below a folder in the order of their paths, and the files that could not be taken.

    Raises:
        OSError: the folder cannot be read.
    """
    pages: list[ImportedPage] = []
    left_out: list[LeftOut] = []
    taken: set[str] = set()
    size = 0
    found = files_below(
        root,
        lambda name: name.lower().endswith(_EXTENSIONS),
        left_out=lambda name, why: left_out.append(LeftOut(name, why)),
    )
    for file in sorted(root / name for name, _ in found):
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
