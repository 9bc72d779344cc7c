"""Imported corpora on disk, as `stepcue docs import` leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def write_pages(root: Path, pages: Mapping[str, str]) -> Path:
    """Write pages given as name → text below a folder, and return it."""
    for name, text in pages.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def write_corpus(library: Path, name: str, pages: Mapping[str, str], **about: object) -> Path:
    """Write a corpus into a library, and return its folder; `about` replaces fields of its corpus.json."""
    folder = library / name
    write_pages(folder / "pages", pages)
    fields = {
        "version": 1,
        "name": name,
        "title": f"The {name} docs",
        "source": f"https://{name}.example/llms-full.txt",
        "kind": "llms-full",
        "importedAt": "2026-11-20T09:30:00Z",
        "pages": len(pages),
    }
    (folder / "corpus.json").write_text(json.dumps(fields | about), encoding="utf-8")
    return folder


def write_order(library: Path, *names: str) -> None:
    """Write the order of preference."""
    library.mkdir(parents=True, exist_ok=True)
    (library / "library.json").write_text(json.dumps({"order": names}), encoding="utf-8")
