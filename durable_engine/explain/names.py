"""How two event names differ, in words."""

from __future__ import annotations

import difflib
import re
from typing import Final

_SEPARATORS: Final = re.compile(r"[^0-9a-zA-Z]+")
_FEW_LETTERS: Final = 3
_LONGEST: Final = 200


def difference(sent: str, known: str) -> str | None:
    """Return how `known` differs from what was sent; None when they have little in common.

    The words are the end of a sentence: "the trigger 'shop/order.placed' ...".
    """
    sent, known = sent[:_LONGEST], known[:_LONGEST]
    if sent == known:
        return None
    if sent.lower() == known.lower():
        return "differs in upper and lower case only"
    if sent.strip() == known.strip():
        return "differs in blanks at the ends only"
    plain_sent, plain_known = (_SEPARATORS.sub("", name).lower() for name in (sent, known))
    if plain_sent == plain_known:
        return f"differs in its separators only: {_marks(known)} instead of {_marks(sent)}"
    return _affix(sent, known) or _letters(sent, known)


def _affix(sent: str, known: str) -> str | None:
    if known.lower().endswith(sent.lower()):
        return f"has {known[: -len(sent)]!r} before it"
    if sent.lower().endswith(known.lower()):
        return f"lacks the {sent[: -len(known)]!r} before it"
    if known.lower().startswith(sent.lower()):
        return f"goes on with {known[len(sent) :]!r}"
    if sent.lower().startswith(known.lower()):
        return f"lacks the {sent[len(known) :]!r} at the end"
    return None


def _letters(sent: str, known: str) -> str | None:
    blocks = difflib.SequenceMatcher(None, sent.lower(), known.lower(), autojunk=False).get_matching_blocks()
    same = sum(block.size for block in blocks)
    changed = max(len(sent), len(known)) - same
    if changed > min(_FEW_LETTERS, len(known) // 3):
        return None
    return f"differs in {changed} letter{'' if changed == 1 else 's'}"


def _marks(name: str) -> str:
    found = dict.fromkeys(_SEPARATORS.findall(name))
    return " and ".join(map(repr, found)) or "none"
