from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from support.docs_library import write_corpus, write_order, write_pages

from docs_index import CorpusError, DocsIndex, InvalidCursorError, PageNotFoundError, whoosh_index
from docs_index import corpus as corpora

SHIPPED = {"steps/run.md": "# Run code\n\nA step that fails is retried.\n"}
THEIRS = {
    "steps/run.md": "---\ntitle: Their run\nurl: https://sdk.example/docs/steps/run\n---\nTheirs retries.\n",
    "only/here.md": "# Marmalade\n\nWhat nobody else has.\n",
}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library in which nothing is."""
    return tmp_path / "library"


@pytest.fixture
def open_docs(tmp_path: Path, library: Path) -> Callable[..., DocsIndex]:
    """Open an index over one shipped page, the library, and folders of the user."""
    shipped = write_pages(tmp_path / "shipped", SHIPPED)

    def build(*folders: Path) -> DocsIndex:
        return DocsIndex.open(corpus=shipped, folders=folders, library=library, cache_dir=tmp_path / "cache")

    return build


def names(docs: DocsIndex) -> list[str]:
    """Return the names of the corpora, the most preferred first."""
    return [entry.name for entry in docs.list().corpora]


def test_pages_of_an_imported_corpus_stand_below_its_name(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "theirs", THEIRS)
    docs = open_docs()

    assert [page.path for page in docs.list().pages] == [
        "steps/run",
        "theirs/only/here",
        "theirs/steps/run",
    ]
    assert docs.read("steps/run").title == "Run code"
    assert docs.read("theirs/steps/run").title == "Their run"
    assert docs.search("marmalade").results[0].path == "theirs/only/here"
    assert docs.grep("marmalade").matches[0].file == "theirs/only/here"


def test_every_answer_says_where_its_pages_come_from(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "theirs", THEIRS, title="Their SDK")
    docs = open_docs()
    theirs = docs.read("theirs/steps/run").provenance
    ours = docs.read("steps/run").provenance

    assert (theirs.corpus, theirs.title) == ("theirs", "Their SDK")
    assert (theirs.source, theirs.as_of) == ("https://sdk.example/docs/steps/run", "2026-11-20")
    assert (ours.corpus, ours.source, ours.as_of) == ("stepcue", "", version("stepcue"))
    assert {hit.path: hit.provenance for hit in docs.search("retries retried").results} == {
        "steps/run": ours,
        "theirs/steps/run": theirs,
    }
    assert [match.provenance for match in docs.grep("theirs retries").matches] == [theirs]
    assert {page.path: page.provenance for page in docs.list().pages}["theirs/steps/run"] == theirs


def test_a_page_without_an_address_of_its_own_names_what_it_was_imported_from(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "web", {"a.md": "# A\n\ntext\n"})
    write_corpus(library, "local", {"a.md": "# A\n\ntext\n"}, source="/srv/docs/", kind="folder")
    docs = open_docs()

    assert docs.read("web/a").provenance.source == "https://web.example/llms-full.txt"
    assert docs.read("local/a").provenance.source == "/srv/docs/a.md"


def test_shipped_pages_come_first_as_long_as_nobody_says_otherwise(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "alpha", THEIRS)
    write_corpus(library, "beta", THEIRS)
    docs = open_docs()
    assert names(docs) == ["stepcue", "alpha", "beta"]

    write_order(library, "beta", "gone", "beta")
    assert names(docs) == ["beta", "stepcue", "alpha"]

    write_order(library, "alpha", "stepcue")
    assert names(docs) == ["alpha", "stepcue", "beta"]


def test_the_users_folders_come_before_all_others_in_the_order_given(
    open_docs: Callable[..., DocsIndex], library: Path, tmp_path: Path
) -> None:
    write_corpus(library, "alpha", THEIRS)
    write_order(library, "alpha")
    first = write_pages(tmp_path / "My Notes!", {"a.md": "# A\n\ntext\n"})
    second = write_pages(tmp_path / "b", {"b.md": "# B\n\ntext\n"})

    docs = open_docs(first, second, first)

    assert names(docs) == ["my-notes", "b", "alpha", "stepcue"]
    entry = docs.list().corpora[0]
    assert (entry.title, entry.source, entry.pages) == ("My Notes!", str(first), 1)


def test_folders_of_the_same_name_and_of_names_in_use_get_names_of_their_own(
    open_docs: Callable[..., DocsIndex], library: Path, tmp_path: Path
) -> None:
    write_corpus(library, "docs", THEIRS)
    page = {"a.md": "# A\n\ntext\n"}
    folders = [
        write_pages(tmp_path / name, page)
        for name in ("x/docs", "y/docs", "z/steps", "stepcue", "文書", "n" * 60)
    ]

    assert names(open_docs(*folders))[:6] == ["docs-2", "docs-3", "steps-2", "stepcue-2", "own", "n" * 40]


def test_a_change_in_a_folder_is_seen_at_the_next_question(
    open_docs: Callable[..., DocsIndex], tmp_path: Path
) -> None:
    own = write_pages(tmp_path / "own", {"a.md": "# A\n\nThe heron stands.\n", "b.md": "# B\n\ntext\n"})
    docs = open_docs(own)
    assert docs.search("heron").results[0].path == "own/a"

    (own / "a.md").write_text("# A\n\nThe otter swims.\n", encoding="utf-8")
    assert docs.search("heron").results == ()
    assert docs.search("otter").results[0].path == "own/a"

    (own / "new").mkdir()
    (own / "new" / "c.md").write_text("# C\n\nThe badger digs.\n", encoding="utf-8")
    assert docs.grep("badger").matches[0].file == "own/new/c"

    (own / "a.md").unlink()
    assert docs.grep("otter").matches == ()
    with pytest.raises(PageNotFoundError):
        docs.read("own/a")


def test_a_change_of_the_same_size_at_the_same_second_is_seen(
    open_docs: Callable[..., DocsIndex], tmp_path: Path
) -> None:
    own = write_pages(tmp_path / "own", {"a.md": "# A\n\nheron\n"})
    docs = open_docs(own)
    assert docs.grep("heron").count == 1
    status = (own / "a.md").stat()

    (own / "new").write_text("# A\n\notter\n", encoding="utf-8")
    os.utime(own / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (own / "new").replace(own / "a.md")

    assert docs.grep("otter").count == 1


def test_nothing_is_read_again_while_nothing_changes(
    open_docs: Callable[..., DocsIndex], tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_corpus(library, "theirs", THEIRS)
    own = write_pages(tmp_path / "own", {"a.md": "# A\n\nheron\n", "b.md": "# B\n\notter\n"})
    (tmp_path / "empty").mkdir()
    docs = open_docs(own, tmp_path / "empty")
    docs.search("heron")
    combined: list[object] = []
    original = corpora.combine

    def combine(*arguments: Any) -> Any:
        combined.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(corpora, "combine", combine)
    docs.search("otter")
    docs.list()
    assert combined == []

    (own / "b.md").write_text("# B\n\nbadger\n", encoding="utf-8")
    docs.list()
    assert len(combined) == 1


def test_a_folder_that_vanishes_is_left_out_until_it_is_back(
    open_docs: Callable[..., DocsIndex], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = write_pages(tmp_path / "own", {"a.md": "# A\n\nheron\n"})
    docs = open_docs(own)
    assert names(docs) == ["own", "stepcue"]

    own.rename(tmp_path / "away")
    with caplog.at_level(logging.WARNING):
        result = docs.list()
        docs.list()
    assert [entry.name for entry in result.corpora] == ["stepcue"]
    (notice,) = result.notices
    assert str(own) in notice
    assert [record.getMessage() for record in caplog.records] == [notice]

    (tmp_path / "away").rename(own)
    assert names(docs) == ["own", "stepcue"]
    assert docs.list().notices == ()


def test_what_is_hidden_or_belongs_to_tools_is_no_page(
    open_docs: Callable[..., DocsIndex], tmp_path: Path
) -> None:
    own = write_pages(
        tmp_path / "own",
        {
            "a.md": "# A\n\ntext\n",
            ".git/b.md": "# B\n\ntext\n",
            "node_modules/pkg/README.md": "# C\n\ntext\n",
            ".draft.md": "# D\n\ntext\n",
        },
    )

    assert [page.path for page in open_docs(own).list(category="own").pages] == ["own/a"]


def test_a_file_that_cannot_be_read_takes_nothing_else_with_it(
    open_docs: Callable[..., DocsIndex], tmp_path: Path
) -> None:
    own = write_pages(tmp_path / "own", {"a.md": "# A\n\ntext\n"})
    (own / "b.md").symlink_to(own / "gone.md")

    assert [page.path for page in open_docs(own).list(category="own").pages] == ["own/a"]


def test_a_corpus_imported_or_removed_while_running_is_seen(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    docs = open_docs()
    assert names(docs) == ["stepcue"]

    write_corpus(library, "theirs", THEIRS)
    assert docs.search("marmalade").results[0].path == "theirs/only/here"

    shutil.rmtree(library / "theirs")
    assert docs.search("marmalade").results == ()
    assert names(docs) == ["stepcue"]


def test_a_corpus_imported_again_is_read_again(open_docs: Callable[..., DocsIndex], library: Path) -> None:
    write_corpus(library, "theirs", THEIRS)
    docs = open_docs()
    assert docs.grep("marmalade").count == 1

    shutil.rmtree(library / "theirs")
    write_corpus(library, "theirs", {"only/here.md": "# Honey\n\nNew.\n"}, importedAt="2026-11-21T00:00:00Z")

    assert docs.grep("marmalade").count == 0
    assert docs.read("theirs/only/here").provenance.as_of == "2026-11-21"


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ("\xff", "not JSON"),
        ('{"version": 2, "name": "theirs"}', "version '2'"),
        ('{"version": 1, "name": "another"}', "of another one"),
        ('{"version": 1, "name": "theirs", "title": 3}', "where it is from"),
        (json.dumps({"x": "y" * 2_000_000}), "not JSON"),
        (None, "it has no corpus.json"),
    ],
)
def test_a_damaged_corpus_is_left_out_and_named(
    open_docs: Callable[..., DocsIndex], library: Path, about: str | None, reason: str
) -> None:
    write_corpus(library, "good", THEIRS)
    folder = write_corpus(library, "theirs", THEIRS)
    (folder / "corpus.json").unlink()
    if about is not None:
        (folder / "corpus.json").write_text(about, encoding="latin-1")
    docs = open_docs()

    assert names(docs) == ["stepcue", "good"]
    (notice,) = docs.list().notices
    assert "'theirs'" in notice
    assert reason in notice
    assert docs.search("marmalade").results[0].path == "good/only/here"


@pytest.mark.parametrize("name", ["stepcue", "steps", "Upper", "with space", "x" * 41])
def test_a_corpus_whose_name_cannot_be_used_is_left_out_and_named(
    open_docs: Callable[..., DocsIndex], library: Path, name: str
) -> None:
    write_corpus(library, name, THEIRS)
    docs = open_docs()

    assert names(docs) == ["stepcue"]
    assert "this name" in docs.list().notices[0]


def test_a_corpus_without_pages_is_left_out_and_named(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "empty", {"a.md": "---\ntitle: A\n---\n"})
    shutil.rmtree(write_corpus(library, "none", THEIRS) / "pages")

    empty, none = open_docs().list().notices

    assert "'empty' is left out: it has no page" in empty
    assert "'none' is left out: its pages cannot be read" in none


@pytest.mark.parametrize("order", ["{", '{"order": 7}', '{"order": [1, null, {}]}', "[]"])
def test_an_order_that_says_nothing_does_no_harm(
    open_docs: Callable[..., DocsIndex], library: Path, order: str
) -> None:
    write_corpus(library, "theirs", THEIRS)
    (library / "library.json").write_text(order)

    assert names(open_docs()) == ["stepcue", "theirs"]


def test_what_an_import_is_writing_and_stray_files_are_no_corpora(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, ".theirs.new", THEIRS)
    (library / "readme.txt").write_text("x")
    docs = open_docs()

    assert names(docs) == ["stepcue"]
    assert docs.list().notices == ()


def test_only_the_shipped_pages_can_make_an_index_useless(tmp_path: Path, library: Path) -> None:
    write_corpus(library, "theirs", THEIRS)
    root = tmp_path / "pages"
    root.mkdir()
    docs = DocsIndex.open(corpus=root, library=library, cache_dir=tmp_path / "cache")
    root.rmdir()

    with pytest.raises(CorpusError):
        docs.list()


def test_a_cursor_ends_with_the_state_it_was_given_for(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "theirs", THEIRS)
    docs = open_docs()
    cursor = docs.list(limit=1).next_cursor

    write_corpus(library, "more", THEIRS)

    with pytest.raises(InvalidCursorError):
        docs.list(limit=1, cursor=cursor)


def test_questions_are_answered_while_pages_change(
    open_docs: Callable[..., DocsIndex], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_pages(tmp_path / "own", {"a.md": "# A\n\nheron\n"})
    docs = open_docs(own)
    building, may_end = threading.Event(), threading.Event()
    original = whoosh_index.build

    def build(*arguments: Any) -> dict[str, bytes]:
        building.set()
        assert may_end.wait(5)
        return original(*arguments)

    monkeypatch.setattr(whoosh_index, "build", build)
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(docs.search, "heron")
        assert building.wait(5)
        try:
            (own / "a.md").write_text("# A\n\notter\n", encoding="utf-8")
            assert docs.grep("otter").count == 1
        finally:
            may_end.set()
        # It answers for the state in which it was asked.
        assert search.result(5).results[0].path == "own/a"
    assert docs.search("otter").results[0].path == "own/a"
