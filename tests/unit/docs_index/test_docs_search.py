from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from docs_index import DocsIndex, InvalidArgumentError, InvalidQueryError, SearchResult


def paths(result: SearchResult) -> list[str]:
    return [hit.path for hit in result.results]


@pytest.mark.parametrize(
    "query",
    ["waitForEvent", "wait_for_event", "step.waitForEvent", "ctx.step.wait_for_event()", "waitforevent"],
)
def test_every_spelling_of_a_name_finds_the_same_page(docs: DocsIndex, query: str) -> None:
    assert paths(docs.search(query))[0] == "steps/wait"


def test_neighbouring_words_are_also_looked_up_as_one_name(docs: DocsIndex) -> None:
    hits = docs.search("wait for event").results

    assert next(hit for hit in hits if hit.section == "typescript").why == ("wait for event",)


def test_a_hit_says_where_it_is_and_shows_the_matching_lines(docs: DocsIndex) -> None:
    hit = docs.search("null in time").results[0]

    assert (hit.path, hit.title, hit.section) == ("steps/wait", "Wait for an event", "timeout")
    assert hit.heading_path == ("Wait for an event", "Timeout")
    assert hit.category == "steps"
    assert "The result is null when nothing came in time." in hit.excerpt
    assert docs.read(hit.path).text.split("\n")[hit.line - 1] == "## Timeout"
    assert docs.read(hit.path).text.split("\n")[hit.excerpt_line - 1] == hit.excerpt.split("\n")[0]
    assert hit.why == ("null", "time")


def test_a_section_without_text_of_its_own_shows_the_description(docs: DocsIndex, shipped: DocsIndex) -> None:
    hit = shipped.search("command line commands").results[0]

    assert hit.excerpt.startswith("The commands stepcue dev,")


def test_punctuation_of_a_question_means_nothing(docs: DocsIndex) -> None:
    plain = docs.search("what is idempotency")

    assert paths(docs.search("what is idempotency?")) == paths(plain)
    assert paths(docs.search('"idempotency" AND x:y* [1 TO 2] NOT ('))[0] == "steps/run"


def test_any_word_is_enough_but_more_words_rank_higher(docs: DocsIndex) -> None:
    result = docs.search("retries idempotency unicorns")

    assert paths(result)[0] == "steps/run"
    assert result.total == 3


def test_word_forms_meet(docs: DocsIndex) -> None:
    assert "steps/run" in paths(docs.search("retrying"))


def test_a_misspelt_word_is_corrected_and_named(docs: DocsIndex) -> None:
    result = docs.search("idempotancy")

    assert result.corrections == {"idempotancy": "idempotency"}
    assert result.results[0].section == "idempotency"
    assert result.results[0].why == ("idempotancy → idempotency",)


def test_a_misspelt_name_is_corrected(docs: DocsIndex) -> None:
    assert docs.search("step.waitForEvnt").corrections == {"step.waitForEvnt": "waitforevent"}


def test_a_known_word_is_never_corrected(docs: DocsIndex) -> None:
    assert docs.search("retries and limits").corrections == {}


def test_words_of_other_systems_are_understood(docs: DocsIndex) -> None:
    hit = docs.search("human approval").results[0]

    assert hit.path == "steps/wait"
    assert hit.why == ("approval", "human approval → waitForEvent")


def test_nothing_found_offers_pages(docs: DocsIndex) -> None:
    result = docs.search("xylophone quartet")

    assert (result.results, result.total) == ((), 0)
    assert len(result.suggestions) == 3


def test_suggestions_resemble_the_query(docs: DocsIndex) -> None:
    assert docs.search("guidez-xq").suggestions[0].path == "guides"


def test_the_sdk_filter_keeps_its_own_and_the_neutral_sections(docs: DocsIndex) -> None:
    result = docs.search("wait for event approval timeout", sdk="typescript", limit=50)

    sections = {hit.section for hit in result.results}
    assert {"typescript", "timeout"} <= sections
    assert "python" not in sections


def test_an_sdk_named_in_the_query_is_preferred(docs: DocsIndex) -> None:
    hits = docs.search("wait for event in python").results

    assert next(hit for hit in hits if hit.sdks).section == "python"


def test_the_category_filter_keeps_only_its_pages(docs: DocsIndex) -> None:
    assert {hit.category for hit in docs.search("retries", category="Guides").results} == {"guides"}


def test_one_page_does_not_fill_the_list_while_others_match(index_of: Callable[..., DocsIndex]) -> None:
    many = "# Alpha\n\n" + "\n".join(f"## Alpha {number}\n\nalpha alpha\n" for number in range(6))
    index = index_of({"a/long.md": many, "a/short.md": "# Other\n\nAn alpha, once.\n"})

    assert paths(index.search("alpha", limit=3)) == ["a/long", "a/long", "a/short"]


@pytest.mark.parametrize("query", ["", "   ", "?!*", "\x00", "\ud800", "()[]{}"])
def test_a_query_without_words_is_refused_with_advice(docs: DocsIndex, query: str) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        docs.search(query)

    assert caught.value.hint


def test_a_query_of_10000_characters_is_refused(docs: DocsIndex) -> None:
    with pytest.raises(InvalidQueryError, match="10,000"):
        docs.search("x" * 10_000)


def test_common_words_alone_find_nothing_but_do_not_fail(docs: DocsIndex) -> None:
    assert docs.search("how to do it").results == ()


def test_nul_and_surrogates_between_words_are_ignored(docs: DocsIndex) -> None:
    assert paths(docs.search("idempotency\x00\ud800"))[0] == "steps/run"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(docs: DocsIndex, limit: int) -> None:
    with pytest.raises(InvalidArgumentError, match="limit"):
        docs.search("retries", limit=limit)


def test_a_huge_limit_is_no_error(docs: DocsIndex) -> None:
    assert len(docs.search("retries", limit=10**9).results) <= 50


def test_unknown_filters_name_the_known_values(docs: DocsIndex) -> None:
    with pytest.raises(InvalidArgumentError) as sdk:
        docs.search("retries", sdk="rust")
    with pytest.raises(InvalidArgumentError) as category:
        docs.search("retries", category="cooking")

    assert "typescript" in sdk.value.hint
    assert "guides" in category.value.hint


def test_an_empty_corpus_finds_nothing(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"notes.txt": "not a page"})

    assert index.search("anything").results == ()
    assert index.list().total == 0


def test_threads_may_share_an_index(docs: DocsIndex) -> None:
    queries = ["waitForEvent", "retries", "idempotancy", "concurrency limits"] * 10
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(docs.search, queries))

    assert results == [docs.search(query) for query in queries]
