"""How well the documentation search ranks, next to other engines: `python benchmarks/docs_quality.py`.

Asks the graded questions of `docs_questions/` and prints, for each kind of question, nDCG at 10, the mean
reciprocal rank (MRR) of the first good answer and how often it came first, by pages and by sections. The
others are a regular expression over the files in their order, whoosh as its manual shows it, and SQLite FTS5.

`--ablation` prints, by page, what ours loses without one rule after the other; `--ungraded` what the engines
found among their first results and nobody has graded yet; `--worst` the questions that ours answers worst;
`--corpus` and `--questions` ask something else.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from unittest import mock

from benchmarks import docs_engines
from benchmarks.docs_engines import Engine, Hits
from benchmarks.docs_grades import QUESTIONS, Question, Score, mean, page_score, read_questions, section_score
from docs_index import DocsIndex, query, search, standing
from docs_index.importing import sources
from docs_index.importing.fetching import Failure

OURS = "ours"
POOL_DEPTH = 3
RULES: dict[str, tuple[ModuleType, dict[str, object]]] = {
    "names of other systems": (query, {"related": lambda _stems: []}),
    "words that are alike": (query, {"alike": lambda _word: ()}),
    "sure phrases": (query, {"_SUREST_WORDS": 1}),
    "filler words": (query, {"_FILLER_WORDS": frozenset()}),
    "words as one name": (query, {"_LONGEST_PHRASE": 1}),
    "score of the page": (search, {"_PAGE_SHARE": 0.0}),
    "further sections": (search, {"_FURTHER_SECTIONS": ()}),
    "title of the page": (search, {"_TITLE_NAMED": 0.0}),
    "wording": (search, {"_REPEATED_WORD": 0.0}),
    "causes put back": (standing, {"_CAUSE": 1.0}),
    "SDK of the question": (search, {"_SAME_SDK": 1.0, "_OTHER_SDK": 1.0}),
    "migration put back": (standing, {"_MIGRATION": 1.0}),
    "recipes put back": (standing, {"_RECIPE": 1.0}),
}
"""What `--ablation` switches off: where it is, and what it is without effect."""


def engines(docs: DocsIndex) -> dict[str, Engine]:
    """Return the engines by name, each with an index of the pages of `docs`."""
    corpus = docs._open_corpus()  # noqa: SLF001 - the same sections for all
    with_and, with_or = docs_engines.default_whoosh(corpus)
    return {
        OURS: docs_engines.ours(docs),
        "regex scan": docs_engines.scan(corpus),
        "whoosh, AND": with_and,
        "whoosh, OR": with_or,
        "SQLite FTS5": docs_engines.sqlite_fts5(corpus),
    }


def folder_of(source: Path | None, target: Path) -> Path | None:
    """Return a folder of pages: `source`, or `target` with what an import makes of the file `source`."""
    if source is None or source.is_dir():
        return source
    for page in sources.read(str(source), fetcher=Offline()).pages:
        file = target / f"{page.path}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page.file_text(), encoding="utf-8")
    return target


class Offline:
    """Fetches nothing."""

    def fetch(self, urls: Sequence[str], **_limits: object) -> dict[str, Failure]:
        return {url: Failure(reason="benchmarks fetch nothing") for url in urls}


def kinds(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """Return the graded questions by kind, and all of them under "all"."""
    graded = [question for question in questions if question.is_graded]
    names = dict.fromkeys(question.kind for question in graded)
    return {
        "all": graded,
        **{name: [question for question in graded if question.kind == name] for name in names},
    }


def show(title: str, questions: Sequence[Question], scores: Mapping[str, Mapping[str, Score]]) -> None:
    """Print one table: engines by kinds."""
    print(f"\n{title}: nDCG@10 / MRR / first one is good")
    groups = kinds(questions)
    print(f"{'':<14}" + "".join(f"{f'{name} ({len(group)})':>20}" for name, group in groups.items()))
    for engine, by_ask in scores.items():
        cells = []
        for group in groups.values():
            score = mean([by_ask[question.ask] for question in group])
            cells.append(f"{score.ndcg:>8.3f} {score.reciprocal:>5.2f} {score.first:>5.2f}")
        print(f"{engine:<14}" + "".join(cells))


def show_ablation(questions: Sequence[Question], ask: Engine) -> None:
    """Print nDCG@10 by kind and by half: of ours, and how it changes without each rule."""
    groups = kinds(questions)
    for half in dict.fromkeys(question.half for question in questions):
        groups[half] = [question for question in groups["all"] if question.half == half]

    def measured() -> list[float]:
        scores = {question.ask: page_score(question, ask(question)) for question in groups["all"]}
        return [mean([scores[question.ask] for question in group]).ndcg for group in groups.values()]

    full = measured()
    print(f"{'':<24}" + "".join(f"{name:>15}" for name in groups))
    print(f"{OURS:<24}" + "".join(f"{value:>15.3f}" for value in full))
    for rule, (module, without) in RULES.items():
        with ExitStack() as stack:
            for name, value in without.items():
                stack.enter_context(mock.patch.object(module, name, value))
            changes = [value - whole for value, whole in zip(measured(), full, strict=True)]
        print(f"{'- ' + rule:<24}" + "".join(f"{change:>+15.3f}" for change in changes))


def show_worst(questions: Sequence[Question], scores: Mapping[str, Score], hits: Mapping[str, Hits]) -> None:
    """Print the tuned questions that ours answers worst; the others must stay unseen."""
    for question in sorted(questions, key=lambda question: scores[question.ask].ndcg)[:25]:
        print(f"\n{scores[question.ask].ndcg:.2f} {question.ask}\n     wanted {dict(question.grades)}")
        for path, anchor in hits[question.ask][:5]:
            print(f"     {path}#{anchor}")


def show_ungraded(questions: Sequence[Question], answers: Mapping[str, Mapping[str, Hits]]) -> None:
    """Print, for each question, the first pages of all engines that have no grade."""
    for question in questions:
        pages = question.pages()
        pool: dict[str, str] = {}
        for engine, by_ask in answers.items():
            depth = 2 * POOL_DEPTH if engine == OURS else POOL_DEPTH
            distinct: dict[str, str] = {}
            for path, anchor in by_ask[question.ask]:
                distinct.setdefault(path, anchor)
            for path, anchor in list(distinct.items())[:depth]:
                if path not in pages:
                    pool.setdefault(path, anchor)
        if pool:
            print(f"\n{question.ask}   [{question.kind}, {question.half}]")
            print("\n".join(f"  {path}#{anchor}" for path, anchor in pool.items()))


def main() -> None:
    """Ask all engines all questions and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="A folder of pages, or an llms-full.txt.")
    parser.add_argument("--questions", type=Path, default=QUESTIONS, help="A folder or file of questions.")
    parser.add_argument("--half", choices=["tuned", "held-out"], help="Only this half of the questions.")
    parser.add_argument("--ungraded", action="store_true", help="Print results that have no grade.")
    parser.add_argument("--ablation", action="store_true", help="Print what each rule is worth.")
    parser.add_argument("--worst", action="store_true", help="Print where ours is worst, in the tuned half.")
    asked = parser.parse_args()
    half = "tuned" if asked.worst else asked.half
    questions = [
        question for question in read_questions(asked.questions) if half is None or question.half == half
    ]
    with tempfile.TemporaryDirectory() as folder:
        corpus = folder_of(asked.corpus, Path(folder) / "pages")
        docs = DocsIndex.open(corpus=corpus, cache_dir=Path(folder) / "cache")
        if asked.ablation:
            show_ablation(questions, docs_engines.ours(docs))
            return
        answers = {
            name: {question.ask: engine(question) for question in questions}
            for name, engine in engines(docs).items()
        }
    if asked.ungraded:
        show_ungraded(questions, answers)
        return
    graded = [question for question in questions if question.is_graded]
    by_page = {
        name: {question.ask: page_score(question, by_ask[question.ask]) for question in graded}
        for name, by_ask in answers.items()
    }
    if asked.worst:
        show_worst(graded, by_page[OURS], answers[OURS])
        return
    print(f"{len(graded)} questions; {len(questions) - len(graded)} more have no answer yet")
    show("By page", graded, by_page)
    sections = [question for question in graded if question.names_sections]
    if not sections:
        return
    by_section = {
        name: {question.ask: section_score(question, by_ask[question.ask]) for question in sections}
        for name, by_ask in answers.items()
    }
    show("By section", sections, by_section)


if __name__ == "__main__":
    main()
