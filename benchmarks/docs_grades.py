"""Questions with graded answers, and how well a ranked list answers them.

A folder of questions holds one TOML file per kind. A table is named after its question. `half` is "tuned" or
"held-out": only the first half may be looked at while the ranking is being changed. `3`, `2` and `1` list the
answers of that grade, as "path" or "path#anchor": 3 answers the question, 2 helps much, 1 is related. `0` is
for what was looked at and is no answer. A question without a grade above 0 waits for its page.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

QUESTIONS = Path(__file__).parent / "docs_questions"
TUNED, HELD_OUT = "tuned", "held-out"
PATTERNS = "patterns"  # the kind whose questions are regular expressions
DEPTH = 10


@dataclass(frozen=True, slots=True)
class Question:
    """`grades` maps "path" or "path#anchor" to 0..3."""

    ask: str
    kind: str
    half: str
    grades: Mapping[str, int]

    @property
    def is_graded(self) -> bool:
        return any(self.grades.values())

    @property
    def names_sections(self) -> bool:
        """True when the best answer is a section, so that finding the page alone is not enough."""
        best = max(self.grades.values(), default=0)
        return any("#" in key for key, grade in self.grades.items() if grade == best)

    def pages(self) -> dict[str, int]:
        """Return path → the best grade of the page or of one of its sections."""
        best: dict[str, int] = {}
        for key, grade in self.grades.items():
            path = key.split("#")[0]
            best[path] = max(grade, best.get(path, 0))
        return best


@dataclass(frozen=True, slots=True)
class Score:
    """nDCG at 10, the reciprocal rank of the first answer of grade 2 or 3, and whether that came first."""

    ndcg: float
    reciprocal: float
    first: float


def read_questions(source: Path) -> list[Question]:
    """Return the questions of a folder, or of one file; the name of a file is the kind."""
    files = sorted(source.glob("*.toml")) if source.is_dir() else [source]
    found: list[Question] = []
    for file in files:
        for ask, table in tomllib.loads(file.read_text(encoding="utf-8")).items():
            grades = {key: int(grade) for grade, keys in table.items() if grade.isdecimal() for key in keys}
            found.append(Question(ask, table.get("kind", file.stem), table["half"], grades))
    return found


def page_score(question: Question, hits: Sequence[tuple[str, str]]) -> Score:
    """Score a list of (path, anchor) by its distinct pages."""
    pages = question.pages()
    gains = [pages.get(path, 0) for path in dict.fromkeys(path for path, _ in hits)]
    return _score(gains, list(pages.values()))


def section_score(question: Question, hits: Sequence[tuple[str, str]]) -> Score:
    """Score a list of (path, anchor) by sections; a grade of a whole page counts for its first hit only."""
    left = dict(question.grades)
    gains = []
    for path, anchor in hits:
        key = f"{path}#{anchor}"
        gains.append(left.pop(key) if key in left else left.pop(path, 0))
    return _score(gains, list(question.grades.values()))


def mean(scores: Sequence[Score]) -> Score:
    """Return the mean of each figure; zeros for no scores."""
    count = len(scores) or 1
    return Score(
        sum(score.ndcg for score in scores) / count,
        sum(score.reciprocal for score in scores) / count,
        sum(score.first for score in scores) / count,
    )


def _score(gains: Sequence[int], possible: Sequence[int]) -> Score:
    ideal = _discounted(sorted(possible, reverse=True))
    good = next((place for place, gain in enumerate(gains[:DEPTH], start=1) if gain >= 2), 0)
    return Score(
        _discounted(gains) / ideal if ideal else 0.0, 1 / good if good else 0.0, 1.0 if good == 1 else 0.0
    )


def _discounted(gains: Sequence[int]) -> float:
    return sum(
        (2**gain - 1) / math.log2(place + 1) for place, gain in enumerate(gains[:DEPTH], start=1) if gain
    )
