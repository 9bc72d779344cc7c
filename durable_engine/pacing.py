"""A few calls at a time for an app that answers at once; as many as there are for one whose steps take time.

An app of one thread works on its calls one after the other, and each that waits there costs it time: with
hundreds open it gets a third less done than with a few. So at most `MOST_YOUNG` calls of an app are younger
than `YOUNG_S`. What is answered sooner goes a few at a time. What takes longer does not hold up the others:
that many begin in each such time, about as many as the engine can make.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MOST_YOUNG: Final = 50
YOUNG_S: Final = 0.04


class Turn:
    """A call that may go: young until it has ended or is `YOUNG_S` old."""

    __slots__ = ("is_young", "until_s")

    def __init__(self, until_s: float) -> None:
        self.until_s = until_s
        self.is_young = True


class Line:
    """The calls of one app. For one loop's thread."""

    def __init__(self) -> None:
        self._young = 0
        self._open: deque[Turn] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self) -> Turn:
        """Wait until a call may go; whoever waited longest goes first."""
        loop = asyncio.get_running_loop()
        self._let_go(loop.time())
        if self._young < MOST_YOUNG:
            self._young += 1
        else:
            await self._wait(loop)
        turn = Turn(loop.time() + YOUNG_S)
        self._open.append(turn)
        self._watch(loop)
        return turn

    def leave(self, turn: Turn) -> None:
        """A call has ended."""
        loop = asyncio.get_running_loop()
        self._age(turn)
        self._let_go(loop.time())
        self._watch(loop)

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        mine = loop.create_future()
        self._waiting.append(mine)
        self._watch(loop)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was let go, and does not go
                self._young -= 1
                self._let_go(loop.time())
            raise

    def _age(self, turn: Turn) -> None:
        if turn.is_young:
            turn.is_young = False
            self._young -= 1

    def _let_go(self, now_s: float) -> None:
        """Let calls grow old, and as many go that wait."""
        while self._open and (not self._open[0].is_young or self._open[0].until_s <= now_s):
            self._age(self._open.popleft())
        while self._waiting and self._young < MOST_YOUNG:
            first = self._waiting.popleft()
            if not first.done():
                self._young += 1
                first.set_result(None)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that whoever waits goes when a call has grown old, if not before."""
        if self._waiting and self._open and self._timer is None:
            self._timer = loop.call_at(self._open[0].until_s, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._let_go(loop.time())
        self._watch(loop)
