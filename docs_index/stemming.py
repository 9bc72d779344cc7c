"""A light English stemmer: brings the forms of a word together, without aiming at the right root."""

from __future__ import annotations

from functools import lru_cache

# (ending, replacement, letters that must stay before it): the first that fits is applied, once per table.
_PLURAL = (
    ("sses", "ss", 1),
    ("ies", "y", 2),
    ("ss", "ss", 0),
    ("us", "us", 0),
    ("is", "is", 0),
    ("s", "", 3),
)
_SUFFIX = (
    ("izations", "iz", 3),
    ("ization", "iz", 3),
    ("izing", "iz", 3),
    ("ized", "iz", 3),
    ("izer", "iz", 3),
    ("ize", "iz", 3),
    ("isation", "iz", 3),
    ("encies", "ent", 4),
    ("ency", "ent", 4),
    ("ations", "at", 3),
    ("ation", "at", 3),
    ("ating", "at", 3),
    ("ated", "at", 3),
    ("ate", "at", 3),
    ("tions", "t", 3),
    ("tion", "t", 3),
    ("ures", "", 4),
    ("ure", "", 4),
    ("isms", "", 5),
    ("ism", "", 5),
    ("ying", "y", 2),
    ("ied", "y", 2),
    ("ings", "", 3),
    ("ing", "", 3),
    ("ed", "", 3),
    ("es", "", 4),
    ("ly", "", 4),
    ("e", "", 3),
)
_IRREGULAR = {
    form: verb
    for verb, forms in {
        "begin": "began begun",
        "break": "broke broken",
        "build": "built",
        "find": "found",
        "give": "gave given",
        "keep": "kept",
        "lose": "lost",
        "take": "took taken",
        "throw": "threw thrown",
        "write": "wrote written",
    }.items()
    for form in forms.split()
}
_DOUBLED = frozenset("bdfgmnprt")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the stem of a lower-case word; words that are not plain ASCII letters stay as they are."""
    word = _IRREGULAR.get(word, word)
    if len(word) <= 3 or not (word.isascii() and word.isalpha()):
        return word
    singular = _strip(word, _PLURAL)
    base = _strip(singular, _SUFFIX)
    doubled = base != singular and len(base) > 3 and base[-1] == base[-2]
    # "stopped" → "stop", and "cancelled" with "canceled".
    return base[:-1] if doubled and (base[-1] in _DOUBLED or base.endswith("ell")) else base


def _strip(word: str, table: tuple[tuple[str, str, int], ...]) -> str:
    for ending, replacement, kept in table:
        if word.endswith(ending) and len(word) - len(ending) >= kept:
            return word.removesuffix(ending) + replacement
    return word
