"""A moment in which no call is open, nothing is taken from the queue, and nobody moves time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from durable_engine.clock import Clock
from durable_engine.dispatcher import Dispatcher
from durable_engine.errors import StillCalledError
from durable_engine.signals import Signals
from durable_engine.storage.database import Database

T = TypeVar("T")
_NAMED: Final = 5


class Stillness:
    """Brings about such moments. `moving` is held by whoever moves time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        dispatcher: Dispatcher,
        signals: Signals,
        *,
        moving: asyncio.Lock,
    ) -> None:
        self._database = database
        self._clock = clock
        self._dispatcher = dispatcher
        self._signals = signals
        self._moving = moving
        self._under_way: set[asyncio.Task[Any]] = set()

    async def settled_within(self, patience_s: float) -> None:
        """Let everything happen that is due, for at most `patience_s` seconds."""
        await self._within(patience_s, self._signals.settled())

    async def keep_for(self, work: Callable[[], Awaitable[T]], *, patience_s: float) -> T:
        """Do `work` in such a moment, which calls that are open may take `patience_s` seconds to let come.

        Once begun the work is done to its end, also when the caller goes away.

        Raises:
            StillCalledError: it did not come; the work was not begun.
        """
        stack = AsyncExitStack()
        try:
            is_held = await self._within(patience_s, self._hold(stack))
        except BaseException:
            await stack.aclose()
            raise
        if not is_held:
            await stack.aclose()
            raise await self._refusal()
        task = asyncio.create_task(_done_in(stack, work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _hold(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self._moving)
        await stack.enter_async_context(self._dispatcher.held())
        await self._dispatcher.no_calls()

    async def _within(self, patience_s: float, wait: Coroutine[Any, Any, None]) -> bool:
        """Whether a wait was over before the patience."""
        waiting = asyncio.create_task(wait)
        patience = asyncio.create_task(self._clock.patience(patience_s))
        try:
            await asyncio.wait({waiting, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_over = waiting.done()
            for task in (waiting, patience):
                task.cancel()
            await asyncio.gather(waiting, patience, return_exceptions=True)
        if is_over:
            waiting.result()
        return is_over

    async def _refusal(self) -> StillCalledError:
        run_ids = await self._database.read(lambda tables: tables.queue.called_runs(limit=_NAMED))
        if not run_ids:
            return StillCalledError(
                "Another call is moving the engine's time, or replacing its state; nothing was changed.",
                hint="Call again when that is done.",
            )
        return StillCalledError(
            f"An app has not answered the calls of these runs: {', '.join(run_ids)}. Nothing was changed.",
            run_ids=run_ids,
            hint=f"get_run_status runId={run_ids[0]} shows what it is doing; a longer timeout may do.",
        )


async def _done_in(stack: AsyncExitStack, work: Callable[[], Awaitable[T]]) -> T:
    async with stack:
        return await work()
