"""The engine's only source of time.

Due times are engine milliseconds (Unix epoch). They run ahead of the real ones after somebody has moved
the clock. `patience` is different: how long a caller is willing to wait for an answer, which no shift of the
engine's time shortens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

_LONGEST_TIMER_S: Final = 30.0


class Clock(Protocol):
    """Where the engine gets the time from and how it waits."""

    def now_ms(self) -> int:
        """Return the engine's time: Unix epoch, milliseconds."""
        ...

    def wall_ms(self) -> int:
        """Return the real time, which apps have as well: Unix epoch, milliseconds."""
        ...

    async def move_to(self, now_ms: int) -> None:
        """Let it be `now_ms`, and wake whoever waits for that.

        Earlier than now only to restore a snapshot.
        """
        ...

    async def sleep_until(self, due_ms: int) -> None:
        """Return once the engine's time is at or after `due_ms`."""
        ...

    async def patience(self, seconds: float) -> None:
        """Return after a caller's patience of `seconds` is over."""
        ...


class RealClock:
    """Wall-clock time that never runs backwards within one process, and that can be moved ahead."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._shift_ms = 0
        self._moved = asyncio.Event()

    def now_ms(self) -> int:
        """Return the engine's time."""
        return self.wall_ms() + self._shift_ms

    def wall_ms(self) -> int:
        """Return the Unix time; a system clock that is set back stands still until it is reached again."""
        self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        return self._last_ms

    async def move_to(self, now_ms: int) -> None:
        """Move to `now_ms`."""
        self._shift_ms = now_ms - self.wall_ms()
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep_until(self, due_ms: int) -> None:
        """Sleep; a due time in the past returns at once."""
        while (remaining_ms := due_ms - self.now_ms()) > 0:
            # A timer runs on monotonic time, which stops while the machine sleeps and ignores a system
            # clock that is set; a long wait therefore looks at the wall clock again now and then.
            with suppress(TimeoutError):
                async with asyncio.timeout(min(remaining_ms / 1_000, _LONGEST_TIMER_S)):
                    await self._moved.wait()

    async def patience(self, seconds: float) -> None:
        """Sleep `seconds`."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when told to: for tests, and for anything that wants to own time.

    `wall` gives the time of the apps, where they have a clock of their own; by default they have this one.
    """

    def __init__(self, now_ms: int = 1_800_000_000_000, *, wall: Callable[[], int] | None = None) -> None:
        self._now_ms = now_ms
        self._wall = wall or self.now_ms
        self._moved = asyncio.Condition()
        self._due: list[int] = []

    def now_ms(self) -> int:
        """Return the time set last."""
        return self._now_ms

    def wall_ms(self) -> int:
        """Return the time of the apps."""
        return self._wall()

    async def advance_to(self, due_ms: int) -> None:
        """Move to `due_ms` (never backwards) and wake whoever waits for it."""
        await self.move_to(max(self._now_ms, due_ms))

    async def move_to(self, now_ms: int) -> None:
        """Let it be `now_ms`, and wake whoever waits for that."""
        self._now_ms = now_ms
        async with self._moved:
            self._moved.notify_all()

    async def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        await self.advance_to(self._now_ms + round(seconds * 1_000))

    async def sleep_until(self, due_ms: int) -> None:
        """Wait until somebody advances the clock that far."""
        async with self._moved:
            self._due.append(due_ms)
            self._moved.notify_all()
            try:
                await self._moved.wait_for(lambda: self._now_ms >= due_ms)
            finally:
                self._due.remove(due_ms)

    async def somebody_waits(self, count: int = 1) -> None:
        """Return once `count` waits need this clock to move."""
        async with self._moved:
            await self._moved.wait_for(lambda: sum(due > self._now_ms for due in self._due) >= count)

    async def patience(self, seconds: float) -> None:
        """Wait until somebody advances the clock by `seconds`."""
        await self.sleep_until(self._now_ms + round(seconds * 1_000))
