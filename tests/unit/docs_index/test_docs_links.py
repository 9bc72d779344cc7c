"""Paths and links between the pages of several corpora."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.docs_library import write_corpus, write_order, write_pages

from docs_index import DocsIndex, DocsIndexError, PageNotFoundError, links


def page(url: str, text: str) -> str:
    return f"---\ntitle: {url}\nurl: https://www.sdk.example/docs/{url}\n---\n{text}\n"


THEIRS = {
    "steps/run.md": page("steps/run", "Theirs."),
    "guides/errors.md": page(
        "guides/errors",
        "A [neighbour](retries.md), one [above](../steps/run.mdx#usage), from the [top](/steps/run),\n"
        "by [address](https://sdk.example/docs/steps/run?ref=x#a), by [path](/docs/steps/run 'A title'),\n"
        "[nowhere](../gone.md), [outside](../../../secret.md), [elsewhere](https://other.example/x),\n"
        "[here](#usage), ![a picture](../steps/run.png), [mail](mailto:a@b.example) and [bad](http://[).",
    ),
    "guides/retries.md": page("guides/retries", "Retries."),
    "reference/index.md": page("reference", "See [functions](functions.md) and [up](../guides/retries)."),
    "reference/functions.md": page("reference/functions", "Functions."),
}


@pytest.fixture
def docs(tmp_path: Path) -> DocsIndex:
    """Shipped pages and two imported corpora, of which `theirs` is the preferred one."""
    shipped = write_pages(
        tmp_path / "shipped",
        {"steps/run.md": "# Run\n\n[x](../steps/sleep.md)\n", "steps/sleep.md": "# S\n\nx\n"},
    )
    write_corpus(tmp_path / "library", "theirs", THEIRS, source="https://www.sdk.example/llms-full.txt")
    write_corpus(
        tmp_path / "library", "more", {"reference/functions.md": "# F\n\nx\n", "notes.md": "# N\n\nx\n"}
    )
    write_order(tmp_path / "library", "stepcue", "theirs")
    return DocsIndex.open(corpus=shipped, library=tmp_path / "library", cache_dir=tmp_path / "cache")


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("steps/run", "steps/run"),
        ("theirs/steps/run", "theirs/steps/run"),
        ("docs://theirs/steps/run", "theirs/steps/run"),
        ("THEIRS/Steps/Run.md", "theirs/steps/run"),
        ("https://www.sdk.example/docs/steps/run", "theirs/steps/run"),
        ("http://sdk.example/docs/steps/run/#stepsrun", "theirs/steps/run"),
        ("https://sdk.example/docs/steps/run.md?plain=1", "theirs/steps/run"),
        ("/docs/guides/errors", "theirs/guides/errors"),
        ("docs/reference/functions", "theirs/reference/functions"),
        ("guides/retries", "theirs/guides/retries"),
        ("../guides/retries.md", "theirs/guides/retries"),
        ("../steps/run.md", "steps/run"),
        ("reference/functions", "theirs/reference/functions"),
        ("more/reference/functions", "more/reference/functions"),
        ("run", "steps/run"),
        ("functions", "theirs/reference/functions"),
        ("notes", "more/notes"),
        ("theirs/reference/index.md", "theirs/reference"),
    ],
)
def test_what_is_asked_for_means_this_page(docs: DocsIndex, asked: str, path: str) -> None:
    assert docs.read(asked).path == path


def test_an_address_names_the_section_too(docs: DocsIndex) -> None:
    found = docs.read("https://sdk.example/docs/guides/retries#guidesretries")

    assert found.section == "guidesretries"


@pytest.mark.parametrize(
    "asked", ["https://www.sdk.example/llms-full.txt", "theirs", "theirs/gone", "://", "/.."]
)
def test_what_is_no_page_is_refused_with_advice(docs: DocsIndex, asked: str) -> None:
    with pytest.raises(PageNotFoundError) as caught:
        docs.read(asked)

    assert caught.value.hint


def test_links_of_an_imported_page_stand_as_the_paths_of_pages_that_are_held(docs: DocsIndex) -> None:
    text = docs.read("theirs/guides/errors").text

    assert re.findall(r"\[(\w[\w ]*)\]\(([^ )]*)", text) == [
        ("neighbour", "theirs/guides/retries"),
        ("above", "theirs/steps/run#usage"),
        ("top", "theirs/steps/run"),
        ("address", "theirs/steps/run#a"),
        ("path", "theirs/steps/run"),
        ("nowhere", "../gone.md"),
        ("outside", "../../../secret.md"),
        ("elsewhere", "https://other.example/x"),
        ("here", "#usage"),
        ("a picture", "../steps/run.png"),
        ("mail", "mailto:a@b.example"),
        ("bad", "http://["),
    ]


def test_links_of_the_page_of_a_folder_are_read_from_the_folder(docs: DocsIndex) -> None:
    text = docs.read("theirs/reference").text

    assert "(theirs/reference/functions)" in text
    assert "(theirs/guides/retries)" in text


def test_every_link_that_was_replaced_can_be_read(docs: DocsIndex) -> None:
    text = docs.read("theirs/guides/errors").text
    paths = re.findall(r"\((theirs/[^)#]*)", text)

    assert [docs.read(path).path for path in paths] == paths


def test_links_of_shipped_pages_stay_as_they_are(docs: DocsIndex) -> None:
    assert "[x](../steps/sleep.md)" in docs.read("steps/run").text


def test_a_line_of_brackets_is_read_like_any_other(tmp_path: Path) -> None:
    own = write_pages(tmp_path / "own", {"a.md": "# A\n\n" + "](" * 7_000 + "\n"})
    docs = DocsIndex.open(folders=[own], cache_dir=tmp_path / "cache")

    assert docs.read("own/a").text.count("](") == 7_000


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("theirs", {"theirs/guides/retries"}),
        ("Theirs/guides", {"theirs/guides/retries"}),
        ("theirs/guides/retries.md", {"theirs/guides/retries"}),
        ("https://sdk.example/docs/guides/retries", {"theirs/guides/retries"}),
        ("more", set()),
        ("stepcue", set()),
    ],
)
def test_grep_is_limited_to_a_corpus_a_folder_or_a_page(docs: DocsIndex, path: str, files: set[str]) -> None:
    assert {match.file for match in docs.grep("^retries", path=path).matches} == files


def test_the_shipped_pages_alone_are_a_corpus_too(docs: DocsIndex) -> None:
    assert {match.file for match in docs.grep("run|S", path="stepcue").matches} == {
        "steps/run",
        "steps/sleep",
    }
    assert {page.path for page in docs.list(category="stepcue").pages} == {"steps/run", "steps/sleep"}


LINK_PIECES = st.lists(
    st.sampled_from(
        [
            "[a](",
            "](",
            ")",
            "<",
            ">",
            "#x",
            "../",
            "/",
            "steps/run",
            ".md",
            "http://",
            "sdk.example",
            "[",
            " 'x'",
            "%2e",
        ]
    )
    | st.text(max_size=5),
    max_size=30,
).map("".join)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=LINK_PIECES)
def test_whatever_stands_in_a_line_its_words_stay(docs: DocsIndex, line: str) -> None:
    corpus = docs._library.current()  # the pages as links see them
    shown = links.as_paths(line, corpus.pages["theirs/guides/errors"], corpus)
    target = re.compile(r"\]\([^)]*\)")

    assert target.sub("]()", shown) == target.sub("]()", line)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=LINK_PIECES)
def test_whatever_is_asked_for_is_a_page_or_an_error_of_ours(docs: DocsIndex, path: str) -> None:
    with contextlib.suppress(DocsIndexError):
        assert docs.read(path).path in {entry.path for entry in docs.list().pages}
    with contextlib.suppress(DocsIndexError):
        assert docs.grep("a", path=path).total_pages <= docs.list().total
