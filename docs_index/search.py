"""Rank the sections of a corpus for a query."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from docs_index import excerpt, preference
from docs_index.analyser import words_of
from docs_index.corpus import Corpus
from docs_index.model import Section
from docs_index.query import Plan, Planner
from docs_index.results import SearchHit, SearchResult
from docs_index.spelling import Spelling
from docs_index.standing import Standing
from docs_index.suggestions import suggest
from docs_index.titles import Titles
from docs_index.wording import Wording

if TYPE_CHECKING:
    from docs_index.whoosh_index import TermIndex

MAX_LIMIT = 50
_PER_PAGE = 2
_WITH_ROOM = 2  # hits that may show code at some length; what comes after them is rarely read
_OWN_REASONS = 8
_OTHER_REASONS = 2
_PAGE_SHARE = 0.8
_FURTHER_SECTIONS = (0.3, 0.2, 0.1)
_SAME_SDK = 1.25
_OTHER_SDK = 0.7
_TITLE_NAMED = 0.4
_REPEATED_WORD = 0.12
_READ_FOR_WORDING = 40  # the best by their words; reading all would cost more than the search


class Searcher:
    """Searches one corpus through its index."""

    def __init__(self, corpus: Corpus, index: TermIndex) -> None:
        self._corpus = corpus
        self._index = index
        self._paths = tuple(corpus.pages)
        self._standing = Standing(corpus)
        self._titles = Titles(corpus, index.words)
        self._wording = Wording(corpus)
        self._planner = Planner(index.words, index.identifiers, self._nearest_word)
        self._part_planner = Planner(index.words, index.identifiers, self._commonest_start)

    def search(self, query: str, *, sdk: str | None, category: str | None, limit: int) -> SearchResult:
        """Return the best `limit` sections for `query`.

        Raises:
            InvalidQueryError: nothing in the query can be searched.
        """
        plan = self._planner.plan(query)
        scores = {
            position: score
            for position, score in self._scores(plan, query).items()
            if _passes(self._corpus, self._corpus.sections[position], sdk, category)
        }
        ranked = sorted(scores, key=lambda position: (-scores[position], position))
        wanted = plan.sdks | ({sdk} if sdk else set())
        weights = plan.weight_by_text()
        chosen = preference.without_repeats(self._corpus, self._spread(ranked), limit)
        hits = tuple(
            self._hit(position, scores[position], plan, weights, wanted, place, same_as)
            for place, (position, same_as) in enumerate(chosen)
        )
        return SearchResult(
            query=query,
            results=hits,
            total=len(ranked),
            corrections=plan.corrections,
            suggestions=() if hits else suggest(self._corpus, query),
        )

    def page_ranks(self, text: str) -> Mapping[str, float]:
        """Return path → relevance of the pages that hold words of `text`; pages without any are missing."""
        plan = self._part_planner.plan(text)
        sections = self._index.section_scores(plan.terms)
        standing = self._standing.for_query(text)
        return {path: total * standing[path] for path, total in self._page_totals(plan, sections).items()}

    def _commonest_start(self, part: str, _slips: int) -> str | None:
        """Return the commonest word that begins with the literal of a pattern, such as "memoi"."""
        words = self._index.words
        starts = (word for word in words if word.startswith(part))
        return max(starts, key=lambda word: words[word], default=None)

    def _nearest_word(self, word: str, slips: int) -> str | None:
        return self._spelling.nearest(word, slips)

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling(self._index.spellings)  # most queries have no unknown word

    def _scores(self, plan: Plan, query: str) -> dict[int, float]:
        sections = self._index.section_scores(plan.terms)
        totals = self._page_totals(plan, sections)
        standing = self._standing.for_query(query)
        named = self._titles.named(plan)
        weights = {path: standing[path] * (1 + _TITLE_NAMED * named.get(path, 0.0)) for path in totals}
        scores: dict[int, float] = {}
        for position, own in sections.items():
            section = self._corpus.sections[position]
            score = own + _PAGE_SHARE * totals[section.path]
            if plan.sdks:
                score *= self._fitness(section, plan.sdks)
            scores[position] = score * weights[section.path]
        best = heapq.nlargest(_READ_FOR_WORDING, scores, key=lambda position: scores[position])
        for position, count in self._wording.repeated(query, best).items():
            scores[position] *= 1 + _REPEATED_WORD * count
        return scores

    def _fitness(self, section: Section, wanted: frozenset[str]) -> float:
        """Return what a section counts when the query names SDKs; one that is for all counts as its page."""
        about = section.sdks or self._corpus.pages[section.path].sdks
        if not about:
            return 1.0
        return _SAME_SDK if wanted & set(about) else _OTHER_SDK

    def _page_totals(self, plan: Plan, sections: Mapping[int, float]) -> dict[str, float]:
        """Return path → best section, a share of the next three, and the score of the page as a whole."""
        by_page: dict[str, list[float]] = {}
        for position, score in sections.items():
            by_page.setdefault(self._corpus.sections[position].path, []).append(score)
        whole = {
            self._paths[position]: score for position, score in self._index.page_scores(plan.terms).items()
        }
        totals: dict[str, float] = {}
        for path, scores in by_page.items():
            best, *further = sorted(scores, reverse=True)
            shares = (share * score for share, score in zip(_FURTHER_SECTIONS, further, strict=False))
            totals[path] = best + sum(shares) + whole.get(path, 0.0)
        return totals

    def _spread(self, ranked: Iterable[int]) -> list[int]:
        """Move the third and later sections of a page back, so that one page does not fill a list."""
        first: list[int] = []
        later: list[int] = []
        seen: dict[str, int] = {}
        for position in ranked:
            path = self._corpus.sections[position].path
            seen[path] = seen.get(path, 0) + 1
            (first if seen[path] <= _PER_PAGE else later).append(position)
        return first + later

    def _hit(
        self,
        position: int,
        score: float,
        plan: Plan,
        weights: Mapping[str, float],
        wanted: frozenset[str],
        place: int,
        same_as: tuple[str, ...],
    ) -> SearchHit:
        section = self._corpus.sections[position]
        page = self._corpus.pages[section.path]
        room = excerpt.ROOM if place < _WITH_ROOM else excerpt.LITTLE_ROOM
        shown = excerpt.of_section(section, page.lines, weights, wanted=wanted, room=room)
        above = excerpt.terms_of(" ".join((*section.heading_path, page.description)))
        held = [term for term in weights if term in shown.terms or term in above]
        return SearchHit(
            path=section.path,
            provenance=page.provenance,
            title=page.title,
            heading_path=section.heading_path,
            section=section.heading.anchor,
            line=section.line_start,
            excerpt=shown.text or page.description,
            excerpt_line=shown.line,
            sdks=section.sdks,
            category=section.category,
            score=round(score, 3),
            why=_reasons(plan, sorted(held, key=lambda term: -weights[term])),
            same_as=same_as,
        )


def _reasons(plan: Plan, terms: Iterable[str]) -> tuple[str, ...]:
    """Return the user's words that a section holds, and of other words looked for the surest few."""
    own: list[str] = []
    others: list[str] = []
    for label in _without_parts(plan.labels[term] for term in terms):
        (others if "→" in label else own).append(label)
    return (*own[:_OWN_REASONS], *others[:_OTHER_REASONS])


def _without_parts(labels: Iterable[str]) -> tuple[str, ...]:
    """Return each label once, without the words that a longer label such as `waitForEvent` covers."""
    distinct = dict.fromkeys(labels)
    covered = {
        word for label in distinct if "→" not in label for word in words_of(label) if word != label.lower()
    }
    return tuple(label for label in distinct if label.lower() not in covered)


def _passes(corpus: Corpus, section: Section, sdk: str | None, category: str | None) -> bool:
    if sdk is not None and section.sdks and sdk not in section.sdks:
        return False
    return category is None or category in (
        section.category,
        corpus.pages[section.path].provenance.corpus,
    )
