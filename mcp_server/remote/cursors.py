"""Places in lists of the server, as short words that fit an argument, however long its own cursors are."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from durable_engine.errors import InvalidInputError

_KEPT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: on the page to which the server's `cursor` leads, after `skip` entries."""

    cursor: str | None = None
    skip: int = 0


class Cursors:
    """Gives out words for places, and remembers the last ones, as long as this process lives."""

    def __init__(self) -> None:
        self._places: OrderedDict[str, Place] = OrderedDict()

    def give(self, place: Place) -> str:
        """Return the word for a place, the same one each time."""
        word = hashlib.sha256(f"{place.skip},{place.cursor or ''}".encode()).hexdigest()[:20]
        self._places[word] = place
        self._places.move_to_end(word)
        if len(self._places) > _KEPT:
            self._places.popitem(last=False)
        return word

    def find(self, word: str) -> Place:
        """Return the place of a word.

        Raises:
            InvalidInputError: no such word was given out, or too long ago.
        """
        if word not in self._places:
            raise InvalidInputError(
                f"The cursor {word[:100]!r} does not belong to a list of this session.",
                hint="Use the cursor of the page before with the same filters, or none for the first page.",
            )
        return self._places[word]
