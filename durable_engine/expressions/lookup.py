"""Keys under which the waits that an event may end are found, so that not every one has to be evaluated.

A wait is kept under the equalities of its expression that compare the incoming event (`async`) with a value
known when the wait begins: a constant, or a part of the run's own event. An event that makes the expression
true has the same values in the same places, and so finds it; all the reverse needs the whole expression.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from durable_engine.expressions.equality import Constant, Equality, index_key
from durable_engine.expressions.expression import Expression
from durable_engine.expressions.paths import Path

_INCOMING: Final = "async"
_OWN: Final = "event"
_MOST: Final = 8
"""Equalities of one key: more would hardly tell waits apart, and make long keys."""
_LONGEST: Final = 200
"""Characters of a key; a longer one is replaced by its hash."""
_CACHED: Final = 1_024


class WaitKey(NamedTuple):
    """Where in the incoming event the values lie (JSON text: a list of lists of keys), and what they are.

    Both are empty for a wait that every event of its name must be held against.
    """

    match_path: str = ""
    match_key: str = ""


def wait_key(expression: Expression | None, load_event: Callable[[], Mapping[str, object]]) -> WaitKey:
    """Return the key of a wait; `load_event` returns the run's own event, and is called only if need be."""
    known = [] if expression is None else [pair for pair in expression.equalities() if _is_usable(pair)]
    # What comes from the run's own event tells more waits apart than what is the same for all of them.
    known.sort(key=lambda pair: isinstance(pair.right, Constant))
    scope = {_OWN: load_event()} if known and isinstance(known[0].right, Path) else {}
    paths: list[tuple[str | int, ...]] = []
    keys: list[str] = []
    for pair in known:
        key = index_key(pair.right.lookup(scope) if isinstance(pair.right, Path) else pair.right.value)
        if key is not None and len(keys) < _MOST:
            paths.append(pair.left.keys)
            keys.append(key)
    return WaitKey(_json(paths), _bounded(keys)) if keys else WaitKey()


def incoming_key(match_path: str, incoming: Mapping[str, object]) -> str | None:
    """Return the `match_key` of the waits with this `match_path` that the event may end; None for none."""
    if not match_path:
        return ""
    scope = {_INCOMING: incoming}
    keys = [index_key(path.lookup(scope)) for path in _paths(match_path)]
    found = [key for key in keys if key is not None]
    return _bounded(found) if len(found) == len(keys) else None


def _is_usable(pair: Equality) -> bool:
    is_known = isinstance(pair.right, Constant) or pair.right.root == _OWN
    return pair.left.root == _INCOMING and is_known


@lru_cache(maxsize=_CACHED)
def _paths(match_path: str) -> tuple[Path, ...]:
    return tuple(Path(_INCOMING, tuple(keys)) for keys in json.loads(match_path))


def _bounded(keys: list[str]) -> str:
    text = _json(keys)
    return text if len(text) <= _LONGEST else hashlib.sha256(text.encode()).hexdigest()


def _json(value: object) -> str:
    """Write plain ASCII: NUL and halves of surrogate pairs, which SQLite's text cannot hold, are escaped."""
    return json.dumps(value, separators=(",", ":"))
