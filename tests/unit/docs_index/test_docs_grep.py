from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from docs_index import DocsIndex, InvalidArgumentError, InvalidPatternError, PageNotFoundError
from docs_index.regex_literals import literals


def test_matches_have_page_line_and_content(docs: DocsIndex) -> None:
    result = docs.grep(r"wait_for_event\(")

    (match,) = result.matches
    assert match.file == "steps/wait"
    assert docs.read(match.file).text.split("\n")[match.line - 1] == match.content
    assert (result.count, result.total_matches, result.total_pages, result.truncated) == (1, 1, 1, False)


def test_case_is_ignored(docs: DocsIndex) -> None:
    assert docs.grep("RETRIES").total_matches == docs.grep("retries").total_matches == 2


def test_context_lines_surround_a_match_and_stop_at_the_ends_of_the_page(docs: DocsIndex) -> None:
    (match,) = docs.grep("^# Guides$", context=3).matches

    assert match.before == ()
    assert match.after == ("", "All guides, and a table of concurrency limits.")


def test_anchors_mean_the_ends_of_lines(docs: DocsIndex) -> None:
    assert docs.grep("^## timeout$").total_matches == 1
    assert docs.grep(r"\AAll guides").total_matches == 0


def test_a_match_never_spans_lines(docs: DocsIndex) -> None:
    assert docs.grep(r"(?s)# Guides.*limits").total_matches == 0
    assert docs.grep("Guides\n").total_matches == 0


@pytest.mark.parametrize("pattern", ["^$", "x*", r"\s+$", "[^a-z]x", "(?s)a.*c", "e", "^", "$", "t.m", "#|`"])
def test_a_scan_of_whole_pages_equals_a_search_line_by_line(docs: DocsIndex, pattern: str) -> None:
    expected = {
        (entry.path, number)
        for entry in docs.list().pages
        for number, line in enumerate(docs.read(entry.path).text.removesuffix("\n").split("\n"), start=1)
        if re.search(pattern, line, re.IGNORECASE)
    }

    found = docs.grep(pattern, limit=200)

    assert {(match.file, match.line) for match in found.matches} == expected


def test_a_page_gives_three_lines_first_and_the_rest_of_the_limit_goes_to_the_best(
    index_of: Callable[..., DocsIndex],
) -> None:
    index = index_of({"a.md": "# Alpha\n" + "alpha\n" * 20, "b.md": "# Beta\nsome alpha\n"})

    result = index.grep("alpha", limit=6)

    assert [match.file for match in result.matches] == ["a"] * 5 + ["b"]
    assert [match.line for match in result.matches] == [1, 2, 3, 4, 5, 2]
    assert (result.count, result.total_matches, result.total_pages, result.truncated) == (6, 22, 2, True)


def test_pages_are_ranked_by_the_words_of_the_pattern(docs: DocsIndex) -> None:
    assert docs.grep(r"(retries|idempotency)\W").matches[0].file == "steps/run"


def test_a_path_limits_the_scan_to_a_page_or_folder(docs: DocsIndex) -> None:
    assert {match.file for match in docs.grep("a", path="guides", limit=99).matches} == {
        "guides",
        "guides/python/only",
    }
    assert {match.file for match in docs.grep("a", path="/docs/steps/run.md").matches} == {"steps/run"}
    assert docs.grep("a", path="/").total_pages == 4


def test_an_unknown_path_is_refused_with_the_folders(docs: DocsIndex) -> None:
    with pytest.raises(PageNotFoundError) as caught:
        docs.grep("a", path="nowhere")

    assert "guides" in caught.value.hint


def test_no_match_offers_pages_that_a_search_finds(docs: DocsIndex) -> None:
    result = docs.grep("idempotency_key_header")

    assert (result.matches, result.count, result.total_matches) == ((), 0, 0)
    assert result.suggestions[0].path == "steps/run"


def test_a_pattern_without_words_that_matches_nothing_still_offers_pages(docs: DocsIndex) -> None:
    assert docs.grep("~{9}").suggestions


@pytest.mark.parametrize("pattern", ["[", "(?=x)", r"(a)\1", "a{2000}", "*a", "a)(b", "\\", "\ud800", ""])
def test_what_re2_refuses_is_explained(docs: DocsIndex, pattern: str) -> None:
    with pytest.raises(InvalidPatternError) as caught:
        docs.grep(pattern)

    assert caught.value.hint


def test_lookaround_is_named_in_the_error(docs: DocsIndex) -> None:
    with pytest.raises(InvalidPatternError, match=r"\(\?=") as caught:
        docs.grep("(?=x)")

    assert "lookahead" in caught.value.hint


def test_a_pattern_that_is_too_long_is_refused(docs: DocsIndex) -> None:
    with pytest.raises(InvalidPatternError, match="1,000"):
        docs.grep("a" * 1_001)


def test_a_pattern_that_ruins_backtracking_engines_is_harmless(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"a.md": "# A\n" + "a" * 5_000 + "!\n"})

    assert index.grep("(a+)+$").total_matches == 1


def test_long_lines_are_cut_around_the_match(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"a.md": "# A\n" + "x " * 1_000 + "needle" + " y" * 1_000 + "\n"})

    (match,) = index.grep("needle").matches

    assert "needle" in match.content
    assert len(match.content) <= 402


def test_the_scan_stops_at_2000_lines(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"a.md": "# A\n" + "line\n" * 3_000})

    result = index.grep("line")

    assert (result.total_matches, result.truncated) == (2_000, True)


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": -5}, {"context": -1}])
def test_weird_numbers_are_refused(docs: DocsIndex, arguments: dict[str, int]) -> None:
    with pytest.raises(InvalidArgumentError):
        docs.grep("a", **arguments)


def test_huge_numbers_are_no_error(docs: DocsIndex) -> None:
    assert docs.grep("timeout", limit=10**9, context=10**9).count > 1


def test_a_page_of_other_characters_keeps_its_columns(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"a.md": "# Ü\n✅ größer → ja\n"})

    assert index.grep("→ JA").matches[0].content == "✅ größer → ja"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"step\.(run|sleep)", "step.run sleep"),
        (r"step\.run\(", "step.run"),
        (r"\bretry\b.*backoff", "retry backoff"),
        (r"[Ww]ait_?for", "Wait for"),
        (r"(?i)INNGEST_[A-Z]+", "INNGEST_"),
        (r"\w+Error$", "Error"),
        (r"colou?r", "colo r"),
        (r"\d{3}", ""),
    ],
)
def test_the_literals_of_a_pattern_are_its_words(pattern: str, words: str) -> None:
    assert literals(pattern) == words


def test_a_scan_that_takes_too_much_work_ends_and_says_so(
    docs: DocsIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = docs.grep("e", limit=200)
    monkeypatch.setattr("docs_index.grep._DEADLINE_S", -1.0)

    part = docs.grep("e", limit=200)

    assert part.truncated
    assert part.total_matches < whole.total_matches


def test_waiting_for_a_busy_machine_is_no_work(docs: DocsIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = docs.grep("e", limit=200)
    later = itertools.count(0, 1_000)
    clock = SimpleNamespace(monotonic=lambda: float(next(later)), thread_time=lambda: 0.0)
    monkeypatch.setattr("docs_index.grep.time", clock)

    assert docs.grep("e", limit=200) == whole
