"""Which corpus is heard first, and that none is silenced."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from support.docs_library import write_corpus, write_order, write_pages

from docs_index import DocsIndex
from docs_index.library import Library

OURS = {
    "steps/sleep.md": "# Sleep\n\nPauses a run for a time.\n\n## How long\n\nA year, in whole seconds.\n",
    "steps/run.md": "# Run code\n\nRuns code once, and again when it fails.\n",
    "guides/approval.md": "# Human approval\n\nWait for an event that a person sends.\n",
}
ALIKE = {
    "pausing.md": "# Sleep\n\nPauses the run for some time.\n\n## How long\n\nA week, in whole seconds.\n",
    "deploying.md": "# Deploy with Kubernetes\n\nHelm charts and rolling updates.\n",
}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def open_docs(tmp_path: Path, library: Path) -> Callable[..., DocsIndex]:
    shipped = write_pages(tmp_path / "shipped", OURS)

    def build(*folders: Path) -> DocsIndex:
        return DocsIndex.open(corpus=shipped, folders=folders, library=library, cache_dir=tmp_path / "cache")

    return build


def found(docs: DocsIndex, query: str) -> list[str]:
    return [f"{hit.path}#{hit.section}" for hit in docs.search(query, limit=10).results]


def test_of_two_that_answer_equally_well_the_preferred_one_is_first(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "theirs", ALIKE)
    docs = open_docs()
    for order, first, second in (
        (("stepcue", "theirs"), "steps/sleep#", "theirs/pausing#"),
        (("theirs", "stepcue"), "theirs/pausing#", "steps/sleep#"),
    ):
        write_order(library, *order)
        for query in ("sleep", "how long may it sleep", "how does a run pause"):
            hits = found(docs, query)
            assert hits[0].startswith(first), (order, query)
            assert any(hit.startswith(second) for hit in hits), (order, query)


def test_grep_shows_the_preferred_of_two_pages_first(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "theirs", ALIKE)
    docs = open_docs()
    for order in (("stepcue", "theirs"), ("theirs", "stepcue")):
        write_order(library, *order)
        files = [match.file for match in docs.grep("whole seconds").matches]
        assert files == (
            ["steps/sleep", "theirs/pausing"] if order[0] == "stepcue" else ["theirs/pausing", "steps/sleep"]
        )


@pytest.mark.parametrize("rank", [1, 3, 9])
def test_what_only_the_last_corpus_has_is_found_first(
    open_docs: Callable[..., DocsIndex], library: Path, rank: int
) -> None:
    for number in range(rank - 1):
        write_corpus(library, f"a{number}", {"sleep.md": f"# Nap {number}\n\nRuns may rest here.\n"})
    write_corpus(library, "z", ALIKE)

    assert found(open_docs(), "deploy with kubernetes")[0].startswith("z/deploying#")


def test_a_better_answer_of_a_later_corpus_comes_first(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    better = {
        "timeouts.md": "# Approval with a timeout\n\nA late human approval: its timeout, its default.\n"
    }
    write_corpus(library, "theirs", better)

    assert found(open_docs(), "human approval timeout default")[0].startswith("theirs/timeouts#")


def test_what_a_later_corpus_says_again_is_named_and_not_repeated(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "copy", {"nap.md": OURS["steps/sleep.md"]})
    docs = open_docs()
    hits = {f"{hit.path}#{hit.section}": hit for hit in docs.search("sleep time whole seconds").results}

    assert {name.partition("#")[0] for name in hits} == {"steps/sleep"}
    assert hits["steps/sleep#how-long"].same_as == ("copy/nap",)

    write_order(library, "copy", "stepcue")
    hits = {f"{hit.path}#{hit.section}": hit for hit in docs.search("sleep time whole seconds").results}
    assert hits["copy/nap#how-long"].same_as == ("steps/sleep",)


def test_a_repeat_can_still_be_found_in_its_own_corpus_read_and_grepped(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    write_corpus(library, "copy", {"nap.md": OURS["steps/sleep.md"]})
    docs = open_docs()

    assert docs.search("sleep", category="copy").results[0].path == "copy/nap"
    assert docs.read("copy/nap").text == docs.read("steps/sleep").text
    assert {match.file for match in docs.grep("whole seconds").matches} == {"steps/sleep", "copy/nap"}


def test_another_number_is_no_repeat(open_docs: Callable[..., DocsIndex], library: Path) -> None:
    words = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    pages = [{"nap.md": f"# Nap\n\n{words} for {limit}.\n"} for limit in ("7 days", "31 days", "some days")]
    for name, page in zip(("a", "b", "c"), pages, strict=True):
        write_corpus(library, name, page)

    assert found(open_docs(), "nap wordq") == ["a/nap#nap", "b/nap#nap", "c/nap#nap"]


def test_repeats_do_not_take_places_from_others(open_docs: Callable[..., DocsIndex], library: Path) -> None:
    for name in ("a", "b", "c"):
        write_corpus(library, name, OURS)
    paths = {hit.path for hit in open_docs().search("run code event approval sleep", limit=4).results}

    assert {"steps/run", "guides/approval", "steps/sleep"} <= paths
    assert all(not path.startswith(("a/", "b/", "c/")) for path in paths)


def test_pages_of_one_corpus_that_say_the_same_are_all_shown(
    open_docs: Callable[..., DocsIndex], library: Path
) -> None:
    page = "# Deploy\n\nHelm charts and rolling updates.\n"
    write_corpus(library, "twice", {"a.md": page, "b.md": page})
    hits = open_docs().search("helm charts").results

    assert {hit.path for hit in hits} == {"twice/a", "twice/b"}
    assert all(hit.same_as == () for hit in hits)


def test_a_corpus_is_a_plain_value(library: Path) -> None:
    write_corpus(library, "theirs", ALIKE)
    corpus = Library(None, (), library).current()
    assert len(corpus.sections) > 100

    assert pickle.loads(pickle.dumps(corpus)) == corpus  # noqa: S301 - our own bytes


def test_nothing_found_offers_shipped_pages_and_no_page_for_a_filler_word(
    open_docs: Callable[..., DocsIndex], tmp_path: Path
) -> None:
    own = write_pages(tmp_path / "own", {"use.md": "# How to use it\n\nBread and butter.\n"})

    result = open_docs(own).search("how to use kafka")

    assert result.results == ()
    assert {hint.path.split("/")[0] for hint in result.suggestions} == {"steps", "guides"}
