"""Work that is given up when somebody's patience is over first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def before(over: asyncio.Future[None], work: Coroutine[Any, Any, T]) -> T | None:
    """Return what `work` brings; None when the time is over first: it is then cancelled, and has ended."""
    working = asyncio.ensure_future(work)
    waits: set[asyncio.Future[Any]] = {working, over}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def within(patience: Coroutine[Any, Any, None], work: Coroutine[Any, Any, T]) -> T | None:
    """Return what `work` brings, None when `patience` is over first, as `before` does."""
    over = asyncio.ensure_future(patience)
    try:
        return await before(over, work)
    finally:
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)


async def first_of(waits: Sequence[Coroutine[Any, Any, object]]) -> None:
    """Return when the first of them does, or raise what it raises; the others are cancelled."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
