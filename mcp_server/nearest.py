"""The nearest valid name to one that was not found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def plain(name: str) -> str:
    """Return a name without case and separators."""
    return "".join(character for character in name.lower() if character.isalnum())


def nearest_names(name: str, known: Iterable[str], *, limit: int = 3) -> list[str]:
    """Return up to `limit` of the known names, the most alike first; case and separators do not count.

    What begins with the name is more alike than what only looks like it.
    """
    by_plain: dict[str, str] = {}
    for candidate in known:
        by_plain.setdefault(plain(candidate), candidate)
    wanted = plain(name)
    close = difflib.get_close_matches(wanted, by_plain, n=limit, cutoff=0.55)
    inside = [known for known in by_plain if len(wanted) > 2 and wanted in known]
    begun = [known for known in inside if known.startswith(wanted)]
    return [by_plain[found] for found in list(dict.fromkeys([*begun, *close, *inside]))[:limit]]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: `. Did you mean 'x'?`, or a bare full stop when nothing is near."""
    near = nearest_names(name, known, limit=1)
    return f". Did you mean {near[0]!r}?" if near else "."
