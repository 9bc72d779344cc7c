"""Repair text whose UTF-8 was read as Mac Roman, Windows-1252 or Latin-1 and then stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_RUN: Final = re.compile(r"[^\x00-\x7f]+")
# What documentation is written with: Latin, Greek and Cyrillic letters, punctuation, arrows, emoji, CJK.
_PLAUSIBLE: Final = re.compile(
    "[\u00a0-\u017f\u0370-\u0373\u0386-\u03ff\u0400-\u0482\u048a-\u04ff\u1e00-\u1eff\u2010-\u2027\u202f-\u205e"
    "\u200b-\u200d\u20ac\u20e3\u2100-\u2bff\u3000-\u9fff\uac00-\ud7a3\ufe0f\ufeff\uff00-\uffef\U0001f000-\U0001faff]+"
)
# A letter before these is ordinary text: a word, then a quotation mark, a dash or three dots.
_TYPOGRAPHIC: Final = frozenset(
    "\u2018\u2019\u201a\u201c\u201d\u201e\u2026\u2013\u2014\u2039\u203a\xab\xbb\u2022\u2020\u2021\u2030\u0152\u0153\u0160\u0161\u017d\u017e\u0178\u20ac\u02dc\u02c6\u0192\u2122"
)
# Behind a root or a negation these are mathematics.
_MATHEMATICAL: Final = frozenset("πΩ∞∑∫∂∏µ±≤≥≠∆Ø")


def _windows_bytes(text: str) -> bytes:
    """Encode as Windows-1252, whose five undefined bytes count as in Latin-1.

    Raises:
        UnicodeEncodeError: a character is in neither.
    """
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError:
        return b"".join(
            character.encode("latin-1") if "\x80" <= character <= "\x9f" else character.encode("cp1252")
            for character in text
        )


def _mac_bytes(text: str) -> bytes:
    return text.encode("mac_roman")


def _sure_after_mac(lead: int, second: str) -> bool:
    return (lead == 0xC3 and second not in _MATHEMATICAL) or (lead == 0xC2 and second == "†")


def _sure_after_windows(lead: int, second: str) -> bool:
    return lead in {0xC2, 0xC3} and second not in _TYPOGRAPHIC


@dataclass(frozen=True, slots=True)
class _Misreading:
    """A way in which UTF-8 was misread: back to its bytes, and which two characters give it away."""

    to_bytes: Callable[[str], bytes]
    is_sure: Callable[[int, str], bool]


_MISREADINGS: Final = (
    _Misreading(_mac_bytes, _sure_after_mac),
    _Misreading(_windows_bytes, _sure_after_windows),
)


def repair(text: str) -> str:
    """Return the text with every run of misread characters as it was written.

    A run is changed only if its bytes are UTF-8 of characters that documentation uses, and if it cannot be
    ordinary text, or if all other runs of a text in which some cannot be are misread as well.
    """
    for misreading in _MISREADINGS:
        text = _repaired(text, misreading)
    return text


def _repaired(text: str, misreading: _Misreading) -> str:
    verdicts: dict[str, tuple[str, bool]] = {}
    is_consistent = True
    for run in set(_RUN.findall(text)):
        decoded = _decoded(run, misreading)
        if decoded is None:
            is_consistent = False
        else:
            verdicts[run] = (decoded, _is_sure(run, decoded, misreading))
    if not any(sure for _, sure in verdicts.values()):
        return text

    def mended(match: re.Match[str]) -> str:
        decoded, sure = verdicts.get(match[0], (match[0], False))
        return decoded if sure or is_consistent else match[0]

    return _RUN.sub(mended, text)


def _decoded(run: str, misreading: _Misreading) -> str | None:
    """Return what was written, or None when the run is not misread in this way."""
    try:
        decoded = misreading.to_bytes(run).decode("utf-8")
    except UnicodeError:
        return None
    return decoded if _PLAUSIBLE.fullmatch(decoded) else None


def _is_sure(run: str, decoded: str, misreading: _Misreading) -> bool:
    sequences = list(_sequences(run, decoded, misreading))
    for lead, shown in sequences:
        # A single character of East Asia between letters is more likely none.
        if (
            len(shown) >= 3
            and not _TYPOGRAPHIC.issuperset(shown[1:])
            and (len(sequences) > 1 or lead in {0xE2, 0xEF, 0xF0})
        ):
            return True
        # Only these three leads begin what punctuation and emoji become, and no word ends in two of the rest.
        if len(shown) >= 3 and lead in {0xE2, 0xEF, 0xF0} and shown[1] in "€ÄÅüô":
            return True
        if len(shown) == 2 and misreading.is_sure(lead, shown[1]):
            return True
    return False


def _sequences(run: str, decoded: str, misreading: _Misreading) -> Iterator[tuple[int, str]]:
    """Yield (first byte, misread characters) of each character that was written."""
    start = 0
    for character in decoded:
        size = len(character.encode("utf-8"))
        yield misreading.to_bytes(run[start])[0], run[start : start + size]
        start += size
