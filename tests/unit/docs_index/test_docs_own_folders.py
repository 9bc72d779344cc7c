"""Folders of the user are read as they are: odd names, odd numbers, and more than can be held."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.docs_library import write_corpus, write_pages

from docs_index import DocsIndex, page_files
from docs_index.importing import folder


@pytest.fixture
def open_docs(tmp_path: Path) -> Callable[[Path], DocsIndex]:
    """Open an index over one shipped page and a folder of the user."""
    shipped = write_pages(
        tmp_path / "shipped", {"steps/run.md": "# Run code\n\nA step that fails is retried.\n"}
    )
    return lambda own: DocsIndex.open(corpus=shipped, folders=[own], cache_dir=tmp_path / "cache")


def test_an_order_of_thousands_of_digits_is_none(
    open_docs: Callable[[Path], DocsIndex], tmp_path: Path
) -> None:
    own = write_pages(tmp_path / "own", {"a.md": f"---\norder: {'9' * 5_000}\n---\nMarmalade.\n"})

    assert open_docs(own).read("own/a").text == "# A\n\nMarmalade.\n"


@pytest.mark.parametrize(("bound", "most"), [("_MAX_ENTRIES", 3), ("_MAX_BYTES", 40)])
def test_of_a_folder_without_end_only_a_part_is_held(
    open_docs: Callable[[Path], DocsIndex],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    most: int,
) -> None:
    monkeypatch.setattr(page_files, bound, most)
    own = write_pages(tmp_path / "own", {f"{n}/{n}.md": f"# Page {n}\n\nText.\n" for n in range(9)})

    listed = open_docs(own).list(category="own")

    assert listed.total < 9
    assert "the rest is left out" in listed.notices[0]


@pytest.mark.parametrize("name", ["c#", "what?", "100%25", "a b", "x#y?z", "end ", "docs/a"])
def test_a_page_can_be_read_by_the_path_that_answers_give(
    open_docs: Callable[[Path], DocsIndex], tmp_path: Path, name: str
) -> None:
    docs = open_docs(write_pages(tmp_path / "own", {f"{name}.md": "# Odd\n\nMarmalade.\n"}))

    path = docs.search("marmalade").results[0].path
    assert docs.read(path).path == path
    assert [match.file for match in docs.grep("marmalade", path=path).matches] == [path]


def test_a_large_import_says_that_it_is_not_held_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_files, "_MAX_BYTES", 60)
    shipped = write_pages(tmp_path / "shipped", {"a.md": "# A\n\nText.\n"})
    pages = {f"{n}/{n}.md": f"# Page {n}\n\nMarmalade.\n" for n in range(9)}
    write_corpus(tmp_path / "library", "theirs", pages)

    docs = DocsIndex.open(corpus=shipped, library=tmp_path / "library", cache_dir=tmp_path / "cache")

    assert 0 < docs.list(category="theirs").total < 9
    assert docs.list().notices == (
        "The imported corpus 'theirs' has more than can be held; the rest is left out.",
    )


def test_a_large_folder_is_imported_as_far_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_SOURCE_BYTES", 50)
    own = write_pages(tmp_path / "own", {f"{n}.md": f"# Page {n}\n\nMarmalade.\n" for n in range(9)})

    pages, left_out = folder.read(own)

    assert [page.path for page in pages] == ["0", "1"]
    assert [(entry.what, entry.why) for entry in left_out] == [("2.md", "and all after it: more than 0 MB")]


def test_pages_that_another_version_divides_otherwise_have_another_index(
    open_docs: Callable[[Path], DocsIndex], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_pages(tmp_path / "own", {"a.md": "# A\n\nMarmalade.\n\n## B\n\nJam.\n"})
    assert open_docs(own).search("jam").results[0].section == "b"
    monkeypatch.setattr(page_files.sections, "_HEADING", re.compile("(?P<more>)(?P<text># A)"))

    assert open_docs(own).search("jam").results[0].section == "a"
