"""The graded pages of questions that nobody has tuned on exist, and the search leads on these questions."""

from __future__ import annotations

from pathlib import Path

from docs_grades import HELD_OUT, QUESTIONS, mean, page_score, read_questions
from docs_quality import OURS, engines

import docs_index
from docs_index import DocsIndex

BLIND = read_questions(QUESTIONS.with_name("docs_questions_blind.toml"))
SHIPPED = Path(docs_index.__file__).parent / "corpus"
LEAD = 0.12  # a new page moves every list a little


def test_the_search_leads_on_questions_that_nobody_tuned_on(tmp_path: Path) -> None:
    docs = DocsIndex.open(cache_dir=tmp_path)
    ndcg = {
        name: mean([page_score(one, engine(one)) for one in BLIND]).ndcg
        for name, engine in engines(docs).items()
    }
    ours = ndcg.pop(OURS)

    assert ours >= max(ndcg.values()) + LEAD, (ours, ndcg)


def test_the_graded_pages_exist_and_none_may_be_tuned_on() -> None:
    assert len(BLIND) == 80
    assert {one.half for one in BLIND} == {HELD_OUT}
    assert [path for one in BLIND for path in one.grades if not (SHIPPED / f"{path}.md").is_file()] == []
