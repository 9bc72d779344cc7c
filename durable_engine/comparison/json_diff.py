"""Where two JSON values differ: paths with the old and the new value, bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from durable_engine.model.json_value import JSONValue

MAX_CHANGES: Final = 20
_DEEPEST: Final = 30
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One place where two values differ: `$`, `$.items[2].price`. What is not there is not `has_...`."""

    path: str
    before: JSONValue = None
    after: JSONValue = None
    has_before: bool = True
    has_after: bool = True


def diff(before: JSONValue, after: JSONValue, *, most: int = MAX_CHANGES) -> tuple[Change, ...]:
    """Return the first `most` places where two values differ, in the order of the first value's keys."""
    return tuple(islice(_diff(before, after, "$", 0), most))


def _diff(before: JSONValue, after: JSONValue, path: str, depth: int) -> Iterator[Change]:
    if depth < _DEEPEST and isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            pair = before.get(key, _ABSENT), after.get(key, _ABSENT)
            yield from _place(*pair, path + _key(key), depth)
    elif depth < _DEEPEST and isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else _ABSENT
            new = after[index] if index < len(after) else _ABSENT
            yield from _place(old, new, f"{path}[{index}]", depth)
    elif not _is_same(before, after):
        yield Change(path=path, before=before, after=after)


def _place(before: object, after: object, path: str, depth: int) -> Iterator[Change]:
    if before is _ABSENT:
        yield Change(path=path, after=after, has_before=False)
    elif after is _ABSENT:
        yield Change(path=path, before=before, has_after=False)
    else:
        yield from _diff(before, after, path, depth + 1)


def _key(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{key!r}]"


def _is_same(before: JSONValue, after: JSONValue) -> bool:
    # Python counts True as 1; in JSON they are different.
    return isinstance(before, bool) is isinstance(after, bool) and bool(before == after)
