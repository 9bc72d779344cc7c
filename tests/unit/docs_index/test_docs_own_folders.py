"""Folders of the user are read as they are: odd names, odd numbers, and more than can be held."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.docs_library import write_pages

from docs_index import DocsIndex, page_files


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
