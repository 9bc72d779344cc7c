"""A gate on a real port, where user code waits until the test lets it through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from support.listening import listening


class Gate:
    """User code asks for `ORIGIN/NAME`, and is answered once the test lets NAME through."""

    def __init__(self) -> None:
        self.origin = ""
        self.most = 0
        """The most that ever waited here at once."""
        self.passed: list[str] = []
        """Who was let through, in order."""
        self._waiting: list[str] = []
        self._let: set[str] = set()
        self._is_open = False
        self._moved = asyncio.Condition()

    async def somebody(self, count: int = 1) -> list[str]:
        """Return who waits, once there are as many as `count`."""
        async with self._moved:
            await self._moved.wait_for(lambda: len(self._waiting) >= count)
            return list(self._waiting)

    async def let(self, *names: str) -> None:
        """Let these through, now or when they come."""
        self._let.update(names)
        await self._move()

    async def open(self) -> None:
        """Let everybody through, from now on."""
        self._is_open = True
        await self._move()

    async def _move(self) -> None:
        async with self._moved:
            # Done here, so that who was let through is nobody who waits as soon as `let` returns.
            going = [name for name in self._waiting if self._passes(name)]
            self._waiting = [name for name in self._waiting if not self._passes(name)]
            self.passed += going
            self._moved.notify_all()

    def _passes(self, name: str) -> bool:
        return self._is_open or name in self._let

    async def _answer(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        self._waiting.append(name)
        self.most = max(self.most, len(self._waiting))
        await self._move()
        async with self._moved:
            await self._moved.wait_for(lambda: name in self.passed)
        return PlainTextResponse(name)


@asynccontextmanager
async def gate() -> AsyncIterator[Gate]:
    """Stand up a gate; whoever still waits at the end is let through."""
    opened = Gate()
    async with listening(Starlette(routes=[Route("/{name}", opened._answer)])) as origin:
        opened.origin = origin
        try:
            yield opened
        finally:
            await opened.open()
