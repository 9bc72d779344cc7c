"""Values that differ from run to run, as far as they show it: ids, times, durations, random ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from durable_engine.model.json_value import JSONValue, to_json
from durable_engine.scenarios.shapes import ANY, DATE, ULID, UUID

_DAY_MS: Final = 86_400_000
_NEAR_MS: Final = 400 * _DAY_MS
_EDGE: Final = r"(?<![0-9A-Za-z])(?:{})(?![0-9A-Za-z])"
_UUIDS, _ULIDS, _DATES = (re.compile(_EDGE.format(form.pattern)) for form in (UUID, ULID, DATE))
_CLOCK: Final = re.compile(r"(?<!\d\d-\d\d[T ])\b\d{1,2}:\d\d:\d\d\b")
_EPOCH: Final = re.compile(r"(?<!\d)\d{10,19}(?!\d)")
_WORD: Final = re.compile(r"[0-9A-Za-z]{6,}")
_RUNS: Final = re.compile(r"[0-9]+|[a-z]+|[A-Z]+")
_LONG_NUMBER: Final = 8
_LONG_WORD: Final = 9
_MANY_TURNS: Final = 2
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_MEASURED: Final = re.compile(r"(?i)duration|elapsed|latency|took|uptime|random|nonce|seed|pid$|port$")
_MOST_DECIMALS: Final = 9
_SHORT_ID: Final = 9
_TELLING: Final = 5
"""A shorter number may be in the input by chance."""
_UNITS: Final = (1_000, 1, 0.001, 0.000_001)
"""What a number of seconds, milli-, micro- or nanoseconds times this is, in milliseconds."""


@dataclass
class Volatility:
    """Tells what to compare exactly. `known` is JSON text of all that is the same in each run: the input.

    `from_ms` and `until_ms` are when the run began and ended, in real and in its own time.
    """

    known: str
    from_ms: int
    until_ms: int
    ids: frozenset[str] = frozenset()
    found: dict[str, str] = field(default_factory=dict)
    """What was found to be volatile, by its path: why."""

    def stable(self, value: JSONValue, path: str = "$", key: str = "") -> JSONValue:
        """Return what to expect: the value, with shapes in place of what is volatile; notes it in `found`."""
        if isinstance(value, dict):
            if any(self.reason(name) for name in value):
                return self._note(path, "its keys differ", "object")
            return {name: self.stable(item, f"{path}.{name}", name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.stable(item, f"{path}[{place}]", key) for place, item in enumerate(value)]
        if isinstance(value, str):
            reason = self.reason(value)
            return self._note(path, *reason) if reason else value
        if isinstance(value, int | float) and not isinstance(value, bool) and self._is_volatile(value, key):
            return self._note(path, "a time, a measurement or a random number", "number")
        return value

    def reason(self, text: str) -> tuple[str, str] | None:
        """Return why a text is volatile, and of which shape it is; None for one that is not."""
        for why, shape, form, shows in self._signs():
            found = [match[0] for match in form.finditer(text) if shows(match[0])]
            if any(part not in self.known for part in found):
                return why, shape if found == [text] else "string"
        if any(own in text and own not in self.known for own in self.ids if len(own) > _SHORT_ID):
            return "the id of the run or of its event", "string"
        return None

    def _signs(self) -> Iterator[tuple[str, str, re.Pattern[str], Callable[[str], bool]]]:
        """Yield why a text is volatile: its shape, what to look for, and whether what is found shows it."""
        yield "a UUID", "uuid", _UUIDS, _always
        yield "a ULID", "ulid", _ULIDS, _always
        yield "a time", "date", _DATES, self._is_near
        yield "a time", "string", _CLOCK, _always
        yield "a time", "string", _EPOCH, lambda digits: self._is_time(int(digits))
        yield "it looks random", "string", _WORD, _looks_random

    def tokens(self, value: JSONValue) -> Iterator[str]:
        """Yield the texts in a value that are volatile."""
        if isinstance(value, str):
            if self.reason(value):
                yield value
        elif isinstance(value, dict):
            for item in value.values():
                yield from self.tokens(item)
        elif isinstance(value, list):
            for item in value:
                yield from self.tokens(item)

    def _note(self, path: str, reason: str, shape: str) -> JSONValue:
        self.found[path] = reason
        return {ANY: shape}

    def _is_volatile(self, number: float, key: str) -> bool:
        text = to_json(number)
        if len(text) >= _TELLING and text in self.known:
            return False
        if self._is_time(number) or _MEASURED.search(key):
            return True
        return isinstance(number, float) and len(text.partition(".")[2]) > _MOST_DECIMALS

    def _is_time(self, number: float) -> bool:
        return any(self._is_in_window(number * unit) for unit in _UNITS)

    def _is_in_window(self, at_ms: float) -> bool:
        return self.from_ms - _NEAR_MS <= at_ms <= self.until_ms + _NEAR_MS

    def _is_near(self, date: str) -> bool:
        try:
            found = datetime.fromisoformat(date.replace(",", "."))
        except ValueError:
            return False
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        return self._is_in_window(aware.timestamp() * 1_000)


def _looks_random(word: str) -> bool:
    """Whether a word of letters and digits is unlike what people write.

    It rather takes too much for random than too little: a check that is too weak misses something, one that
    is too strict fails by chance.
    """
    has_digit = any(char.isdigit() for char in word)
    if not has_digit or (word.isdigit() and len(word) < _LONG_NUMBER):
        return False
    if _HEX.fullmatch(word):
        return True
    turns = len(_RUNS.findall(word)) - 1
    return len(word) >= _LONG_WORD and turns >= _MANY_TURNS


def _always(_: str) -> bool:
    return True
