"""Waiting on a server that tells nothing by itself: looks, at first close together, then further apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from durable_engine.clock import Clock
from durable_engine.errors import RunNotFoundError
from durable_engine.model.records import RunRecord
from durable_engine.model.views import RunView
from durable_engine.patience import within
from mcp_server.remote.errors import FaultyAnswerError, RateLimitedError, UnreachableError
from mcp_server.remote.runs import Runs
from mcp_server.remote.started import Started

FIRST_S: Final = 0.1
LONGEST_S: Final = 3.0
_GROWTH: Final = 1.6
UNKNOWN_S: Final = 4.0
"""For how long a run that the server does not know may still appear: some report runs a moment late."""
_AT_ONCE: Final = 6
_MOST_S: Final = 58.0
_LAST_S: Final = 4.0
"""Hosts cut calls off at a minute: so long a wait may take with the last look, which has these at least."""
_PASSING: Final = (UnreachableError, RateLimitedError, FaultyAnswerError)
"""What may be over at the next look."""


async def look_until(clock: Clock, look: Callable[[], Awaitable[bool]], *, timeout_s: float) -> bool:
    """Look at once, and again after growing pauses, until `look` says that it is over; False if it never was.

    Raises what `look` raises.
    """

    async def looking() -> bool:
        pause_s = FIRST_S
        while not await look():
            await clock.patience(pause_s)
            pause_s = min(pause_s * _GROWTH, LONGEST_S)
        return True

    if timeout_s <= 0:
        return await look()
    return await within(clock.patience(timeout_s), looking()) or False


class Watcher:
    """Waits for runs to end."""

    def __init__(self, runs: Runs, started: Started, clock: Clock) -> None:
        self._runs = runs
        self._started = started
        self._clock = clock
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def wait(self, run_ids: Sequence[str], *, timeout_s: float) -> dict[str, RunView]:
        """Return the runs with their steps once all have ended, or as they are after `timeout_s` seconds.

        Ids that the server does not know are missing from the answer. A look that fails is made again.

        Raises:
            RemoteError: the server cannot be asked at the end.
        """
        open_ids = dict.fromkeys(run_ids)
        unknown: set[str] = set()
        began_ms = self._clock.wall_ms()

        async def look() -> bool:
            found = await asyncio.gather(*(self._look(run_id) for run_id in open_ids))
            for run_id, run in zip(list(open_ids), found, strict=True):
                if isinstance(run, RunNotFoundError):
                    unknown.add(run_id)
                elif run is not None:
                    unknown.discard(run_id)
                    if run.status.is_terminal:
                        del open_ids[run_id]
            is_late = self._clock.wall_ms() - began_ms >= UNKNOWN_S * 1_000
            return not open_ids or (is_late and unknown.issuperset(open_ids))

        if timeout_s > 0:
            await look_until(self._clock, look, timeout_s=timeout_s)
        left_s = max(_LAST_S, _MOST_S - timeout_s)
        views = await within(self._clock.patience(left_s), self._views(dict.fromkeys(run_ids)))
        if views is None:
            raise UnreachableError(
                f"The server did not show within {left_s:.0f} s how the runs are.",
                hint="Call poll_run_status with fewer ids or a shorter timeout.",
            )
        return views

    async def _views(self, run_ids: Iterable[str]) -> dict[str, RunView]:
        views = await asyncio.gather(*map(self._view, run_ids))
        return {view.id: view for view in views if view is not None}

    async def _look(self, run_id: str) -> RunRecord | RunNotFoundError | None:
        async with self._free:
            try:
                return await self._runs.look(run_id)
            except RunNotFoundError as error:
                return None if self._started.is_young(run_id) else error
            except _PASSING:
                return None

    async def _view(self, run_id: str) -> RunView | None:
        async with self._free:
            try:
                return await self._started.get(run_id)
            except RunNotFoundError:
                return None
