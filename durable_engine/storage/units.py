"""What waits for a connection's thread: pieces of work, and which of them go together next.

Work that takes in new events is bulk: however much of it waits, whoever advances a run or asks something
waits for one group at most. And of the bulk a little goes into each group, so that it is never starved.
"""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from durable_engine.errors import StorageError

MAX_GROUP: Final = 32
"""A commit is cheap when so many share it, and nobody waits long for the others."""
MAX_BULK: Final = 100
"""Events that one group takes in, unless a single request has more."""


@dataclass(slots=True)
class Unit:
    """One piece of work for a connection's thread, and where its outcome goes.

    `bulk` is how many events it takes in; 0 for everything else.
    """

    work: Callable[[Any], Any]
    future: asyncio.Future[Any]
    is_alone: bool = False
    """Whether it gets the connection itself, outside of any transaction, and may replace all data."""
    bulk: int = 0
    then: Callable[[Any, list[Any]], None] | None = None
    """What follows once for all units of a group that have the same: it gets their results, in order."""
    may_repeat: bool = False
    """Whether it may be run again after it was undone, as it changes nothing but the tables."""
    result: Any = None
    error: BaseException | None = field(default=None)
    fault: StorageError | None = None
    """What is wrong with the disk or the file, if that is the error."""


class UnitQueue:
    """Units in the order in which they are to be done; put on one thread, taken on another.

    Bounded by who puts: each call of an app has one, and requests are admitted (`http_api/congestion`).
    """

    def __init__(self, *, most: int = MAX_GROUP) -> None:
        self._most = most
        self._coming: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._urgent: deque[Unit] = deque()
        self._bulk: deque[Unit] = deque()
        self._alone: Unit | None = None
        self._is_ending = False

    def put(self, unit: Unit) -> None:
        """Let a unit wait."""
        self._coming.put(unit)

    def end(self) -> None:
        """Let `next_group` return an empty group after all that waits."""
        self._coming.put(None)

    def next_group(self) -> list[Unit]:
        """Wait for work, and take what goes together; what is alone comes by itself, after all before it."""
        while not (self._urgent or self._bulk or self._alone or self._is_ending):
            self._sort(self._coming.get())
        while not (self._alone or self._is_ending or self._coming.empty()):
            self._sort(self._coming.get())
        group = [self._urgent.popleft() for _ in range(min(len(self._urgent), self._most))]
        events = 0
        while self._bulk and events + self._bulk[0].bulk <= MAX_BULK:
            events += self._bulk[0].bulk
            group.append(self._bulk.popleft())
        if not events and self._bulk:  # one that is larger than all of that goes as it is
            group.append(self._bulk.popleft())
        if not group and self._alone is not None:
            group, self._alone = [self._alone], None
        return group

    def _sort(self, unit: Unit | None) -> None:
        if unit is None:
            self._is_ending = True
        elif unit.is_alone:
            self._alone = unit
        else:
            (self._bulk if unit.bulk else self._urgent).append(unit)
