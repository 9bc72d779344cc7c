"""What comes before what, on corpora of a few pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from docs_index import DocsIndex, whoosh_index
from docs_index.documents import Document, WeightedTerm
from docs_index.query import Plan, Planner
from docs_index.stemming import stem

IndexOf = Callable[..., DocsIndex]
FILLING = "\n\nText about nothing in particular, so that no page is short.\n"


def first(index: DocsIndex, query: str) -> str:
    return index.search(query).results[0].path


def planned(query: str, known: str, *names: str) -> Plan:
    """Plan a query for pages with these words and names, where every word is near to "nearest"."""
    words = {stem(word): 1 for word in known.split()}
    slips: dict[int, str] = {1: "close", 2: "nearest"}
    return Planner(words, set(names), lambda _, most: slips[most]).plan(query)


def test_a_page_called_by_its_title_comes_before_one_that_says_the_word_more_often(index_of: IndexOf) -> None:
    others = {
        f"other/{number}.md": f"# Other {number}{FILLING}\n\n## Part\n\nNothing.\n" for number in range(8)
    }
    index = index_of(
        {
            **others,
            "a/many.md": f"# Queues\n\nPriority here, priority there, priority of priority.{FILLING}",
            "b/priority.md": f"# Priority\n\nWho is next, and priority.{FILLING}",
        }
    )

    assert first(index, "how does priority work") == "b/priority"


def test_a_page_is_found_by_what_people_ask_and_shows_its_text(index_of: IndexOf) -> None:
    asked = "---\nasked:\n  - who may release at the weekend\n  - weekend freeze\n---\n"
    index = index_of(
        {
            "a/weekend.md": f"# Weekend\n\nThe office is closed.{FILLING}",
            "b/fridays.md": f"{asked}# Deploying\n\nNever on Fridays.{FILLING}\n\n## Exceptions\n\nNone.\n",
        }
    )

    hit = index.search("may I release at the weekend").results[0]
    assert (hit.path, hit.section) == ("b/fridays", "deploying")
    assert "weekend" not in hit.excerpt
    assert "weekend" not in index.read("b/fridays").text
    assert index.grep("weekend freeze").matches == ()


def test_a_section_in_the_words_of_the_question_comes_before_one_with_them_apart(index_of: IndexOf) -> None:
    index = index_of(
        {
            "a/apart.md": f"# Apart\n\nThe function has an ID. Could you find it, or not?{FILLING}",
            "b/quoted.md": f"# Quoted\n\nIt said that it could not find function with ID seven.{FILLING}",
        }
    )

    assert first(index, "could not find function with ID") == "b/quoted"


def test_a_page_about_one_cause_comes_first_only_when_its_code_is_asked_for(index_of: IndexOf) -> None:
    index = index_of(
        {
            "causes/start-timeout.md": f"# Gone (start-timeout)\n\nThe run waited too long.{FILLING}",
            "guides/waiting.md": f"# Gone away\n\nThe run waited too long.{FILLING}",
        }
    )

    assert first(index, "run waited") == "guides/waiting"
    assert first(index, "start-timeout: run waited") == "causes/start-timeout"
    assert [match.file for match in index.grep("waited").matches] == [
        "guides/waiting",
        "causes/start-timeout",
    ]


def test_other_words_for_the_same_thing_find_less_surely_than_the_word_itself(index_of: IndexOf) -> None:
    index = index_of(
        {
            "a/stored.md": f"# Alpha\n\nResults are stored in a file.{FILLING}",
            "b/saved.md": f"# Beta\n\nResults are saved in a file.{FILLING}",
            "c/none.md": f"# Gamma\n\nNothing of the kind.{FILLING}",
        }
    )
    hits = index.search("saved").results

    assert [hit.path for hit in hits] == ["b/saved", "a/stored"]
    assert hits[1].why == ("saved → store",)


def test_a_word_and_what_stands_for_it_count_once(index_of: IndexOf) -> None:
    index = index_of(
        {
            "a/both.md": f"# Alpha\n\nWe save, store, keep and remember the colour.{FILLING}",
            "b/two.md": f"# Beta\n\nWe save the state of the colour wheel.{FILLING}",
            "c/none.md": f"# Gamma\n\nNothing of the kind.{FILLING}",
        }
    )

    assert first(index, "save the wheel") == "b/two"


@pytest.mark.parametrize("form", ["found", "find", "finding", "finds"])
def test_irregular_forms_meet(index_of: IndexOf, form: str) -> None:
    index = index_of({"a/x.md": "# Alpha\n\nThe step was not found.\n", "b/y.md": "# Beta\n\nNothing.\n"})

    assert first(index, f"{form} step") == "a/x"


def test_an_unknown_word_alone_is_repaired_generously() -> None:
    assert planned("memoizatoin", "unrelated").corrections == {"memoizatoin": "nearest"}


def test_beside_known_words_one_slip_is_believed_and_only_in_a_long_word() -> None:
    assert planned("limit concurency", "limit close").corrections == {"concurency": "close"}
    assert planned("limit slack", "limit stack").corrections == {}


def test_the_literal_of_a_pattern_may_be_the_start_of_a_word(index_of: IndexOf) -> None:
    index = index_of(
        {
            "a/mention.md": "# Alpha\n\nmemois memois memois, and much else that is said here.\n",
            "b/memoization.md": "# Memoization\n\nMemoization of results.\nmemoized\n",
            "c/memo.md": "# Gamma\n\nA page on memoization by name.\n",
        }
    )

    assert index.grep("memoi[sz]").matches[0].file == "b/memoization"


def test_parts_of_a_pattern_are_never_repaired(index_of: IndexOf) -> None:
    index = index_of({"a/x.md": "# Alpha\n\ntimeout timeout\n", "b/y.md": "# Beta\n\nxtimeuot\nxtimeuot\n"})

    assert [match.file for match in index.grep("timeuot").matches] == ["b/y", "b/y"]


def test_terms_are_scored_as_whoosh_scores_them() -> None:
    texts = ["alpha beta beta", "beta gamma", "alpha alpha alpha delta", "gamma"]
    index = whoosh_index.TermIndex(
        whoosh_index.build([Document(text, "") for text in texts], [Document("one", "")], {})
    )
    searcher = index._sections._searcher
    query = whoosh_index.query.Or(
        [whoosh_index.query.Term("words", "alpha", boost=0.5), whoosh_index.query.Term("words", "beta")]
    )
    theirs = {number: score for score, number in searcher.search(query, limit=None).top_n}
    terms = [WeightedTerm("words", "alpha", 0.5, "one"), WeightedTerm("words", "beta", 1.0, "other")]

    assert index.section_scores(terms) == pytest.approx(theirs)


def test_of_terms_with_one_meaning_the_best_counts() -> None:
    documents = [Document(text, "") for text in ("alpha beta", "alpha gamma", "beta gamma")]
    index = whoosh_index.TermIndex(whoosh_index.build(documents, documents, {}))
    alpha, beta = (WeightedTerm("words", text, 1.0, "same") for text in ("alpha", "beta"))

    assert index.section_scores([alpha, beta])[0] == max(
        index.section_scores([alpha])[0], index.section_scores([beta])[0]
    )


def test_an_index_knows_its_words_and_names_after_it_was_closed() -> None:
    files = whoosh_index.build([Document("alpha beta", "alphabeta"), Document("alpha", "")], [], {"word": 3})
    index = whoosh_index.TermIndex(files)

    assert index.words == {"alpha": 2, "beta": 1}
    assert index.identifiers == {"alphabeta"}
    assert index.spellings == {"word": 3}
