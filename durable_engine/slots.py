"""Who may open a call now: slots are shared by apps, so that one with a thousand slow calls starves nobody.

Calls of apps, requests of the engine's own and timers have slots of their own. An app alone may take all of
a kind. Once they are taken, what becomes free goes to the app that has the fewest open (max-min fairness),
and every app has a few that no other can take: a call may last for two hours, and cannot be taken back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durable_engine.model.queue_item import QueueItem
from durable_engine.model.slot import SlotKind, kind_of, share_of
from durable_engine.registry import Registry
from durable_engine.storage.slot_table import DueItem
from durable_engine.storage.tables import Tables

MAX_OPEN_CALLS: Final = 500
"""Open at once of all apps together, besides those that each may always open; and as many requests."""
MAX_OWN_CALLS: Final = 50
"""What an app may always open, with few apps; all of them together at most `MAX_OPEN_CALLS`."""
MAX_TIMERS: Final = 250
_MOST_LOOKS: Final = 250
"""Due items that one transaction looks at beyond those that it takes."""


class Slots:
    """The slots as one transaction finds them; what it takes is counted at once."""

    def __init__(self, tables: Tables, registry: Registry) -> None:
        self._tables = tables
        self._registry = registry
        self._running = tables.slots.running
        self._open = tables.slots.open
        self._lines = tables.slots.lines()
        self._gates = tables.slots.parked() if tables.lanes.exist() else {}
        self._own = max(1, min(MAX_OWN_CALLS, MAX_OPEN_CALLS // max(1, len(registry.apps))))
        self._tight = {kind for kind, running in self._open.items() if running >= _most(kind) - 1}

    @property
    def has_more(self) -> bool:
        """Whether something waits for a slot and may have one."""
        return any(self.may_take(share) for share in self._waiting())

    def share_of(self, item_id: int) -> int:
        """Return the share that an item takes from."""
        due = self._tables.slots.what(item_id)
        return share_of(SlotKind.CALL, "") if due is None else self._share(due)

    def may_take(self, share: int) -> bool:
        """Whether a share may take one more slot: it is its own, or free and nobody with fewer waits."""
        kind, running = kind_of(share), self._running.get(share, 0)
        if kind is not SlotKind.TIMER and running < self._own:
            return True
        if self._open[kind] >= _most(kind):
            return False
        rivals = (self._running.get(other, 0) for other in self._waiting() if kind_of(other) is kind)
        return all(running <= other for other in rivals)

    def take(self, item_id: int, share: int) -> QueueItem:
        """Lease one item."""
        self._tables.slots.take(share)
        return self._tables.queue.lease(item_id, share=share)

    def count(self, item: QueueItem, share: int) -> QueueItem:
        """Let an item keep a slot that was leased before it was known whose it is."""
        self._tables.slots.take(share)
        return replace(item, share=share)

    def leave(self, item: QueueItem) -> None:
        """What was taken opens nothing after all."""
        self._tables.slots.leave(item.share)

    def park(self, lane_id: int, share: int) -> None:
        """Let a lane whose call may not be made yet wait for a slot."""
        self._tables.slots.park(lane_id, share, words="the number of calls that are open at once")

    def invite(self, limit: int) -> None:
        """Let lanes that wait for a slot be looked at, if their share has one."""
        for share in filter(self.may_take, self._gates):
            self._tables.slots.invite(self._gates[share], limit=limit)

    def take_due(self, *, now_ms: int, limit: int) -> list[QueueItem]:
        """Lease up to `limit` items that are due and have no lane: per share in due order.

        With room for whatever it is, they are leased before it is known whose they are (`count`).
        """
        room = min([_most(kind) - running for kind, running in self._open.items()])
        if not self._lines and room > limit:
            return self._tables.queue.lease_due(now_ms=now_ms, limit=limit)
        # With few slots left all that is due has to be known before anybody gets one.
        taken = [] if self._tight else self._from_lines(limit)
        looks = 0
        while len(taken) < limit and looks < limit + _MOST_LOOKS:
            most = _MOST_LOOKS if self._tight else limit - len(taken)
            found = self._tables.slots.due(now_ms=now_ms, limit=most)
            taken += self._from_due(found, limit - len(taken))
            if len(found) < most:
                break
            looks += most
        return taken + self._from_lines(limit - len(taken))

    def _from_due(self, found: list[DueItem], limit: int) -> list[QueueItem]:
        """Lease what has room, and let what has none wait in the line of its share."""
        taken: list[QueueItem] = []
        aside: list[tuple[int, int]] = []
        waiting = self._lines
        for due in found:
            share = self._share(due)
            if share in waiting or kind_of(share) in self._tight or not self.may_take(share):
                aside.append((share, due.item_id))
                waiting.add(share)
            elif len(taken) < limit:
                taken.append(self.take(due.item_id, share))
        self._tables.slots.put_aside(aside)
        return taken

    def _from_lines(self, limit: int) -> list[QueueItem]:
        """Lease the first in line of whoever has the fewest open, and so on."""
        taken: list[QueueItem] = []
        while len(taken) < limit:
            share = min(filter(self.may_take, self._lines), key=self._count, default=None)
            if share is None:
                break
            head = self._tables.queue.head(share)
            if head is None:
                self._tables.slots.no_line(share)
            else:
                taken.append(self.take(head, share))
        return taken

    def _count(self, share: int) -> int:
        return self._running.get(share, 0)

    def _waiting(self) -> set[int]:
        return self._lines | self._gates.keys()

    def _share(self, due: DueItem) -> int:
        known = self._registry.knows(due.function_id)
        app = self._registry.by_id(due.function_id).app_name if known else ""
        return share_of(SlotKind.of(due.kind, due.step), app)


def some_wait(tables: Tables, registry: Registry) -> bool:
    """Whether something waits for a slot and may have one."""
    may_wait = tables.slots.lines() or (tables.slots.may_park and tables.lanes.exist())
    return bool(may_wait) and Slots(tables, registry).has_more


def _most(kind: SlotKind) -> int:
    return MAX_TIMERS if kind is SlotKind.TIMER else MAX_OPEN_CALLS
