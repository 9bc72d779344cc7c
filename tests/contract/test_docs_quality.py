"""The graded questions belong to the shipped pages, and the search answers them better than what there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.docs_engines import Engine
from benchmarks.docs_grades import (
    HELD_OUT,
    QUESTIONS,
    TUNED,
    Question,
    mean,
    page_score,
    read_questions,
    section_score,
)
from benchmarks.docs_quality import OURS, engines
from docs_index import DocsIndex

ALL = read_questions(QUESTIONS)
BLIND = read_questions(QUESTIONS.with_name("docs_questions_blind.toml"))
"""Written before any search was made, and graded apart from the others."""
# Below what was measured, because a new page or a better heading moves every list a little.
FLOOR, NATURAL_FLOOR, LEAD, BLIND_LEAD = 0.80, 0.79, 0.25, 0.15


def question(**grades: int) -> Question:
    return Question("?", "natural", TUNED, {key.replace("__", "#"): grade for key, grade in grades.items()})


@pytest.fixture(scope="module")
def docs(index_cache: Path) -> DocsIndex:
    return DocsIndex.open(cache_dir=index_cache)


@pytest.fixture(scope="module")
def asked(docs: DocsIndex) -> Mapping[str, Engine]:
    return engines(docs)


def test_every_graded_page_and_section_exists(docs: DocsIndex) -> None:
    corpus = docs._open_corpus()
    known = set(corpus.pages)
    known |= {f"{section.path}#{section.heading.anchor}" for section in corpus.sections}

    assert [key for one in (*ALL, *BLIND) for key in one.grades if key not in known] == []


def test_questions_are_many_of_every_kind_and_in_two_halves() -> None:
    kinds, halves = Counter(one.kind for one in ALL), Counter(one.half for one in ALL)

    assert len(ALL) >= 120
    assert kinds["natural"] >= len(ALL) / 2
    assert all(count >= 10 for count in kinds.values())
    assert set(halves) == {TUNED, HELD_OUT}
    assert min(halves.values()) >= 0.4 * len(ALL)
    assert len({one.ask for one in ALL}) == len(ALL)
    assert {grade for one in ALL for grade in one.grades.values()} <= {0, 1, 2, 3}


def test_the_search_leads_every_other_engine_clearly(asked: Mapping[str, Engine]) -> None:
    found = {
        name: [(one.kind, page_score(one, engine(one))) for one in ALL if one.is_graded]
        for name, engine in asked.items()
    }
    overall = {name: mean([score for _, score in scores]).ndcg for name, scores in found.items()}
    natural = {
        name: mean([score for kind, score in scores if kind == "natural"]).ndcg
        for name, scores in found.items()
    }

    for ndcg, floor in ((overall, FLOOR), (natural, NATURAL_FLOOR)):
        ours = ndcg.pop(OURS)
        assert ours >= floor, ours
        assert ours >= max(ndcg.values()) + LEAD, (ours, ndcg)


def test_it_leads_on_questions_that_were_written_blindly(asked: Mapping[str, Engine]) -> None:
    found = {
        name: mean([page_score(one, engine(one)) for one in BLIND]).ndcg for name, engine in asked.items()
    }
    ours = found.pop(OURS)

    assert ours >= max(found.values()) + BLIND_LEAD, (ours, found)
    assert len(BLIND) == 80
    assert {one.half for one in BLIND} == {HELD_OUT}


def test_a_list_in_the_order_of_its_grades_is_perfect() -> None:
    score = page_score(question(a=3, b=2, c=1), [("a", "x"), ("a", "y"), ("b", ""), ("c", "")])

    assert (score.ndcg, score.reciprocal, score.first) == (1.0, 1.0, 1.0)


def test_a_late_answer_is_worth_less_and_none_nothing() -> None:
    late = page_score(question(a=3), [("x", ""), ("a", "")])

    assert late.ndcg == pytest.approx(0.6309, abs=0.001)
    assert (late.reciprocal, late.first) == (0.5, 0.0)
    assert page_score(question(a=3), [("x", "")]).ndcg == 0.0
    assert page_score(question(a=3), [(str(number), "") for number in range(10)] + [("a", "")]).ndcg == 0.0


def test_a_related_page_is_no_good_first_answer() -> None:
    assert page_score(question(a=3, b=1), [("b", ""), ("a", "")]).first == 0.0


def test_by_section_the_wrong_section_of_the_right_page_is_no_answer() -> None:
    asked = question(a__right=3)

    assert section_score(asked, [("a", "wrong")]).ndcg == 0.0
    assert section_score(asked, [("a", "right")]).ndcg == 1.0


def test_by_section_a_graded_page_counts_once() -> None:
    twice = section_score(question(a=2, b=2), [("a", "one"), ("a", "two")])

    assert twice.ndcg == section_score(question(a=2, b=2), [("a", "one")]).ndcg


def test_a_file_of_questions_is_its_own_kind_or_names_one(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text(
        '["how"]\nhalf = "tuned"\n3 = ["a#b"]\n0 = ["c"]\n["why"]\nkind = "other"\nhalf = "held-out"\n'
    )

    how, why = read_questions(file)
    assert (how.kind, how.grades, how.is_graded) == ("odd", {"a#b": 3, "c": 0}, True)
    assert (why.kind, why.is_graded, why.names_sections) == ("other", False, False)
