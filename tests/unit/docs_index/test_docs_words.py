from __future__ import annotations

import pytest

from docs_index import sdks
from docs_index.analyser import STOP_WORDS, chunks, joined
from docs_index.spelling import Spelling, count_words, distance
from docs_index.stemming import stem
from docs_index.synonyms import related


@pytest.mark.parametrize(
    "forms",
    [
        ("retry", "retries", "retrying", "retried"),
        ("memoize", "memoized", "memoizing", "memoization"),
        ("cancel", "cancels", "canceled", "cancelled", "cancelling"),
        ("fail", "fails", "failed", "failing", "failure"),
        ("execute", "executed", "executing", "execution"),
        ("idempotent", "idempotency"),
        ("concurrent", "concurrency"),
        ("run", "runs"),
        ("stop", "stopped", "stopping"),
        ("invoke", "invoked", "invoking"),
        ("trigger", "triggers", "triggered"),
        ("step", "steps"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize(
    ("left", "right"), [("run", "ruin"), ("status", "state"), ("event", "even"), ("process", "proceed")]
)
def test_different_words_keep_different_stems(left: str, right: str) -> None:
    assert stem(left) != stem(right)


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("waitForEvent", "waitforevent"),
        ("wait_for_event", "waitforevent"),
        ("wait-for-event", "waitforevent"),
        ("INNGEST_DEV", "inngestdev"),
        ("step.run", "steprun"),
        ("x-inngest-no-retry", "xinngestnoretry"),
        ("HTTPServer2", "httpserver2"),
    ],
)
def test_names_are_joined(name: str, identifier: str) -> None:
    (chunk,) = chunks(name)

    assert identifier in chunk.identifiers
    assert joined(name) == identifier


def test_a_dotted_name_also_gives_its_last_two_parts_and_each_part_of_several_words() -> None:
    (chunk,) = chunks(["await_me", "ctx.step.wait_for_event("][1])

    assert set(chunk.identifiers) == {"ctxstepwaitforevent", "stepwaitforevent", "waitforevent"}
    assert chunk.words == ("ctx", "step", "wait", "for", "event")


def test_plain_stop_words_are_no_terms_but_parts_of_names_are() -> None:
    plain, name = chunks("for waitFor")

    assert plain.terms == ()
    assert name.terms == ("wait", "for")
    assert "for" in STOP_WORDS


@pytest.mark.parametrize("text", ["", "\x00\ud800", "___", "a" * 500, "日本語 größe", "1 2 3", "v4.24.0"])
def test_any_text_can_be_analysed(text: str) -> None:
    assert all(chunk.words for chunk in chunks(text))


@pytest.mark.parametrize(
    ("left", "right", "slips"),
    [
        ("same", "same", 0),
        ("", "ab", 2),
        ("event", "evnt", 1),
        ("event", "evetn", 1),
        ("event", "avent", 1),
        ("idempotency", "idempotancy", 1),
        ("kitten", "sitting", 3),
        ("abc", "xyz", 3),
    ],
)
def test_the_distance_counts_slips(left: str, right: str, slips: int) -> None:
    assert distance(left, right, limit=5) == distance(right, left, limit=5) == slips
    assert distance(left, right, limit=1) == min(slips, 2)


def test_the_nearest_word_is_the_closest_then_the_commonest() -> None:
    counts = count_words(["timeout timeouts timeout event even concurrency"], ["waitforevent"])
    spelling = Spelling(counts)

    assert spelling.nearest("timeuot") == "timeout"
    assert spelling.nearest("waitforevnt") == "waitforevent"
    assert spelling.nearest("concurancy") == "concurrency"
    assert spelling.nearest("xyzzy") is None
    assert spelling.nearest("abc") is None
    assert spelling.nearest("kvent") is None, "in a short word the first letter must be right"
    assert spelling.nearest("x" * 10_000) is None


def test_synonyms_are_found_for_words_and_phrases() -> None:
    assert related([stem("jobs")]) == [((0,), "function"), ((0,), "run")]
    assert ((1, 2), "onFailure") in related(["a", stem("dead"), stem("letters")])
    assert related(["nothing"]) == []


def test_other_words_may_stand_in_a_phrase_but_not_many_and_not_in_another_order() -> None:
    def texts(query: str) -> set[str]:
        return {text for _, text in related([stem(word) for word in query.split()])}

    assert "parallel" in texts("at the same time")
    assert "singleton" in texts("never start two")
    assert "singleton" not in texts("two never")
    assert "singleton" not in texts("never a b c d e f two")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("how to wait in go", {"go"}),
        ("go back to start", set()),
        ("Golang sleep", {"go"}),
        ("python or ts", {"python", "typescript"}),
        ("node.js app", {"typescript"}),
        ("plain question", set()),
    ],
)
def test_a_query_names_its_sdks(query: str, expected: set[str]) -> None:
    assert sdks.mentioned(query) == expected
