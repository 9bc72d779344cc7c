"""Decide what to look for: the user's words, their identifiers, repaired spellings and synonyms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from docs_index import sdks
from docs_index.analyser import STOP_WORDS, Chunk, chunks, joined
from docs_index.documents import WeightedTerm
from docs_index.errors import InvalidQueryError
from docs_index.stemming import stem
from docs_index.synonyms import alike, related

MAX_QUERY_CHARS = 2_000
_MAX_CHUNKS = 64
_MAX_REPAIRS = 8
_LONGEST_PHRASE = 4
_SHORTEST_SLIP = 6
_SUREST_WORDS = 3

_WORD = 1.0
_IDENTIFIER = 1.0
_WORD_OF_IDENTIFIER = 0.5
_PHRASE = 0.6
_REPAIRED = 0.8
_SYNONYM = 0.5
_ALIKE = 0.5
_FILLER = 0.6
# Which SDK is meant chooses among sections; pages for all of them seldom have the word.
_SDK = 0.6

# Words that hold a question together. They are searched, because a page may be about them, but say little.
_FILLER_WORDS_TEXT = """
able above actually after against all already also always another anything away back best better
between both bring come different each easy either else ensure enough even ever every everything
exactly example except few find give go going good great happen happens hard help here instead know
least leave let like little look lot made main make many may mean means might more most much must
need never new now off other otherwise over own people perhaps place possible properly
proper put question quite ready real really reason right see seem set shall show simple since
something sometimes still such sure take tell thing think though through thus top toward try turn
under upon usual usually value very want well whatever whenever whether whole work works yet
"""
_ARTICLES = frozenset({"a", "an", "the"})
_FILLER_WORDS = frozenset(_FILLER_WORDS_TEXT.split())


@dataclass(slots=True)
class Plan:
    """The terms of a query, each with the words of the user it stands for, and the SDKs that it names."""

    weights: dict[tuple[Literal["words", "identifiers"], str], float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    corrections: dict[str, str] = field(default_factory=dict)
    meanings: dict[tuple[Literal["words", "identifiers"], str], str] = field(default_factory=dict)
    sdks: frozenset[str] = frozenset()

    @property
    def terms(self) -> list[WeightedTerm]:
        """The terms to give to the index."""
        return [
            WeightedTerm(name, text, weight, self.meanings[name, text])
            for (name, text), weight in self.weights.items()
        ]

    def weight_by_text(self) -> dict[str, float]:
        """Return term text → weight, whichever field it is looked for in."""
        merged: dict[str, float] = {}
        for (_, text), weight in self.weights.items():
            merged[text] = max(weight, merged.get(text, 0.0))
        return merged

    def add(
        self, name: Literal["words", "identifiers"], text: str, weight: float, label: str, meaning: str = ""
    ) -> None:
        """Add a term, or raise its weight; without a `meaning` it stands for itself."""
        if weight > self.weights.get((name, text), 0.0):
            self.weights[name, text] = weight
            self.meanings[name, text] = meaning or f"{name}:{text}"
        self.labels.setdefault(text, label)


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans queries against the terms that an index has.

    `nearest` returns the known word closest to an unknown one, at most so many slips away, or None; it is
    asked at most eight times a query, because it looks through all words.
    """

    words: Mapping[str, int]
    identifiers: Collection[str]
    nearest: Callable[[str, int], str | None]

    def plan(self, text: str) -> Plan:
        """Return what to look for; empty when no page has any word of the query.

        Raises:
            InvalidQueryError: the query is too long, or holds neither letters nor digits.
        """
        if len(text) > MAX_QUERY_CHARS:
            raise InvalidQueryError(
                f"The query has {len(text):,} characters, and at most {MAX_QUERY_CHARS:,} can be searched.",
                hint="Search for the few words that matter, such as a method name or an error name.",
            )
        found = list(dict.fromkeys(chunks(text)))[:_MAX_CHUNKS]
        if not found:
            raise InvalidQueryError(
                "The query holds no word to search for.",
                hint="Ask with a few words, such as 'retry a failed step' or 'waitForEvent timeout'.",
            )
        plan = Plan(sdks=sdks.mentioned(text))
        unknown = [word for chunk in found for word in self._add(plan, chunk)]
        for word, raw in unknown:
            self._repair(plan, word, raw)
        self._add_phrases(plan, found)
        self._add_synonyms(plan, found)
        return plan

    def _add(self, plan: Plan, chunk: Chunk) -> list[tuple[str, str]]:
        """Add a chunk, and return those of its words that no page has, each with its raw text."""
        return self._add_word(plan, chunk) if chunk.is_plain else self._add_identifier(plan, chunk)

    def _add_word(self, plan: Plan, chunk: Chunk) -> list[tuple[str, str]]:
        unknown = []
        for word in chunk.words:
            if word in STOP_WORDS:
                continue
            if stem(word) in self.words:
                plan.add("words", stem(word), _weight(word, plan.sdks), chunk.raw)
            # A word that pages use is meant as a word; only an unknown one may be a name run together.
            elif word in self.identifiers:
                plan.add("identifiers", word, _IDENTIFIER, chunk.raw)
            elif word not in _FILLER_WORDS and not related([stem(word)]):
                unknown.append((word, chunk.raw))
        return unknown

    def _add_identifier(self, plan: Plan, chunk: Chunk) -> list[tuple[str, str]]:
        known = [name for name in chunk.identifiers if name in self.identifiers]
        for name in known:
            plan.add("identifiers", name, _IDENTIFIER, chunk.raw)
        for word in chunk.words:
            if stem(word) in self.words:
                plan.add("words", stem(word), _WORD_OF_IDENTIFIER if known else _WORD, word)
        return [] if known else [(chunk.identifiers[0], chunk.raw)]

    def _repair(self, plan: Plan, word: str, raw: str) -> None:
        if len(plan.corrections) >= _MAX_REPAIRS:
            return
        # Beside words that are known, an unknown one is rather a word that no page happens to have.
        certain = bool(plan.weights) and raw.isalpha() and raw.lower() == word
        if certain and len(word) < _SHORTEST_SLIP:
            return
        meant = self.nearest(word, 1 if certain else 2)
        if meant is None:
            return
        plan.corrections[raw] = meant
        label = f"{raw} → {meant}"
        if meant in self.identifiers:
            plan.add("identifiers", meant, _REPAIRED, label)
        else:
            plan.add("words", stem(meant), _REPAIRED, label)

    def _add_phrases(self, plan: Plan, found: list[Chunk]) -> None:
        """Look for neighbouring words as one name: "wait for an event" is also `waitForEvent`."""
        found = [chunk for chunk in found if chunk.raw.lower() not in _ARTICLES]
        for start in range(len(found)):
            for end in range(start + 2, min(start + _LONGEST_PHRASE, len(found)) + 1):
                words = [chunk.raw for chunk in found[start:end]]
                name = joined("_".join(words))
                if name in self.identifiers:
                    plan.add("identifiers", name, _PHRASE, " ".join(words))

    def _add_synonyms(self, plan: Plan, found: list[Chunk]) -> None:
        stems = [stem(chunk.words[0]) if chunk.is_plain else "" for chunk in found]
        for chunk, own in zip(found, stems, strict=True):
            for other in alike(own):
                if stem(other) in self.words and chunk.words[0] not in STOP_WORDS:
                    plan.add("words", stem(other), _ALIKE, f"{chunk.raw} → {other}", f"words:{own}")
        for positions, text in related(stems):
            raw = " ".join(found[position].raw for position in positions)
            # A phrase of several words says more surely what is meant than a single one.
            sure = _SYNONYM * min(len(positions), _SUREST_WORDS)
            # What one word may mean stands for that word; what a phrase means is said by none of its words.
            meaning = f"words:{stems[positions[0]]}" if len(positions) == 1 else ""
            for chunk in chunks(text):
                for name in chunk.identifiers:
                    plan.add("identifiers", name, sure, f"{raw} → {chunk.raw}", meaning)
                weight = sure if chunk.is_plain else sure * _WORD_OF_IDENTIFIER
                for term in chunk.terms:
                    if term in self.words:
                        plan.add("words", term, weight, f"{raw} → {chunk.raw}", meaning)


def _weight(word: str, wanted: frozenset[str]) -> float:
    if sdks.named(word) in wanted:
        return _SDK
    return _FILLER if word in _FILLER_WORDS else _WORD
