"""Code of an app that stays open until the test lets it end, so that it can see what goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter

from support.sdk_app import Lab

from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.standing import Standing, standings

PATIENCE_S = 60
"""How long a test waits before it says that something never happens."""


class OpenCalls:
    """What is being worked on; each piece of work has a name."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        """What was begun, in order; work that was done twice stands there twice."""
        self.most_open = 0
        self._open = Counter[str]()
        self._may_end = set[str]()
        self._all_may_end = False
        self._changed = asyncio.Condition()

    async def work(self, name: str) -> str:
        """Stay open until the test ends it; return its name."""
        async with self._changed:
            self.begun.append(name)
            self._open[name] += 1
            self.most_open = max(self.most_open, self._open.total())
            self._changed.notify_all()
            try:
                await self._changed.wait_for(lambda: self._all_may_end or name in self._may_end)
            finally:
                self._open[name] -= 1
                self._changed.notify_all()
        return name

    async def are(self, *names: str) -> None:
        """Return once exactly these are open."""
        async with self._changed:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._changed.wait_for(lambda: sorted(self._open.elements()) == sorted(names))
            except TimeoutError:
                raise AssertionError(f"open is {sorted(self._open.elements())}, not {names}") from None

    async def end(self, *names: str) -> None:
        """Let these end, now or when they begin."""
        async with self._changed:
            self._may_end.update(names)
            self._changed.notify_all()

    async def end_all(self) -> None:
        """Let everything end, also what begins later."""
        async with self._changed:
            self._all_may_end = True
            self._changed.notify_all()


async def standing(it: Lab, run_id: str) -> Standing | None:
    """Return what holds the call of a run now; None when nothing does."""
    now_ms = it.clock.now_ms()
    found = await it.engine._database.transact(lambda tables: standings(tables, run_id, now_ms=now_ms))
    return found[0] if found else None


async def holds(it: Lab, run_id: str) -> list[HistoryEntry]:
    """Return what the history of a run says of calls that had to wait for their turn."""
    entries = await it.engine._database.transact(lambda tables: tables.history.of_run(run_id))
    return [entry for entry in entries if entry.kind is HistoryKind.HELD]
