"""In-process wake-ups, given after a commit: work is due, a run has ended, something is otherwise now."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

MUCH: Final = 256
"""Changes after which it is worth a look how much there is of everything."""


class Observer(Protocol):
    """Is told what has changed, on the event loop, after the commit; must neither raise nor wait."""

    def runs_changed(self, run_ids: Collection[str]) -> None:
        """Runs were queued, went on, or ended."""
        ...

    def functions_changed(self) -> None:
        """Functions came, went, or are configured or paused otherwise."""
        ...

    def state_replaced(self) -> None:
        """Everything may be otherwise: a snapshot was restored, or the engine emptied."""
        ...

    def stopping(self) -> None:
        """The process is about to stop; nothing more is told."""
        ...


class Signals:
    """Who waits for what. All methods are for the event loop's thread."""

    def __init__(self) -> None:
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._changed = asyncio.Event()
        self._much_changed = asyncio.Event()
        self._changes = 0
        self._is_stopping = False
        self._watchers: dict[str, set[RunWatch]] = defaultdict(set)
        self._rests: dict[str, asyncio.Event] = {}
        self._observers: dict[object, Observer] = {}

    @property
    def is_stopping(self) -> bool:
        """Whether nobody is to wait for anything any more."""
        return self._is_stopping

    def work_changed(self) -> None:
        """Wake the dispatcher: something was enqueued, or a slot became free."""
        if not self._is_stopping:
            self._idle.clear()
        self._work.set()
        self._count_change()

    async def changed(self, *, much: bool = False) -> None:
        """Return when something was committed since the last return; `much`: when data may have grown."""
        event = self._much_changed if much else self._changed
        await event.wait()
        event.clear()

    def _count_change(self) -> None:
        self._changes += 1
        self._changed.set()
        if self._changes % MUCH == 0:
            self._much_changed.set()

    async def wait_for_work(self) -> None:
        """Return when work changed since the last return."""
        await self._work.wait()
        self._work.clear()

    def nothing_to_do(self) -> None:
        """The dispatcher has nothing open and nothing due."""
        if not self._work.is_set():
            self._idle.set()

    async def settled(self) -> None:
        """Return when the dispatcher has looked again and found nothing to do, or is about to stop."""
        self.work_changed()
        await self._idle.wait()

    def runs_ended(self, run_ids: Iterable[str]) -> None:
        """Wake whoever watches these runs."""
        for run_id in run_ids:
            for watch in self._watchers.get(run_id, ()):
                watch.note_end(run_id)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Tell `observer` of all changes until the returned function is called."""
        key = object()
        self._observers[key] = observer
        if self._is_stopping:
            observer.stopping()

        def stop() -> None:
            self._observers.pop(key, None)

        return stop

    def runs_changed(self, run_ids: Collection[str]) -> None:
        """Tell who observes that these runs are otherwise now."""
        if run_ids:
            self._count_change()
            for observer in list(self._observers.values()):
                observer.runs_changed(run_ids)

    def functions_changed(self) -> None:
        """Tell who observes that the known functions are other ones now."""
        for observer in list(self._observers.values()):
            observer.functions_changed()

    def state_replaced(self) -> None:
        """Tell who observes that all is otherwise."""
        for observer in list(self._observers.values()):
            observer.state_replaced()

    def times_rest(self, timeline_ids: Iterable[str]) -> None:
        """Wake whoever waits for a time of some runs to come to rest: nothing in it goes on by itself."""
        for timeline_id in timeline_ids:
            if timeline_id in self._rests:
                self._rests.pop(timeline_id).set()

    def rest_of(self, timeline_id: str) -> asyncio.Event:
        """Return what is set when a time comes to rest next; take it before looking whether it does now."""
        rest = self._rests.setdefault(timeline_id, asyncio.Event())
        if self._is_stopping:
            rest.set()
        return rest

    def watched(self) -> list[str]:
        """Return the ids of the runs that somebody waits for."""
        return list(self._watchers)

    def release_watchers(self) -> None:
        """Let nobody wait any more, now or later: the process is about to stop."""
        self._is_stopping = True
        self._idle.set()
        self.times_rest(list(self._rests))
        for watches in self._watchers.values():
            for watch in watches:
                watch.give_up()
        for observer in list(self._observers.values()):
            observer.stopping()

    @contextmanager
    def watch(self, run_ids: Collection[str]) -> Iterator[RunWatch]:
        """Watch runs; register before looking at their state, so that no end is missed."""
        watch = RunWatch(run_ids)
        if self._is_stopping:
            watch.give_up()
        for run_id in run_ids:
            self._watchers[run_id].add(watch)
        try:
            yield watch
        finally:
            for run_id in run_ids:
                self._watchers[run_id].discard(watch)
                if not self._watchers[run_id]:
                    del self._watchers[run_id]


class RunWatch:
    """Waits until every run of a set has ended."""

    def __init__(self, run_ids: Collection[str]) -> None:
        self._open = set(run_ids)
        self._is_over = asyncio.Event()
        if not self._open:
            self._is_over.set()

    def note_end(self, run_id: str) -> None:
        """A run has ended, or does not exist and never will."""
        self._open.discard(run_id)
        if not self._open:
            self._is_over.set()

    def give_up(self) -> None:
        """Stop to wait although runs are open."""
        self._is_over.set()

    async def over(self) -> None:
        """Return once no run is open, or the wait was given up."""
        await self._is_over.wait()
