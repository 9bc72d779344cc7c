"""Time that passes in the labs as it does outside: what comes due happens when it does, in order."""

from __future__ import annotations

from functools import partial

from durable_engine import Engine, ManualClock
from durable_engine.executor import next_due_ms


async def pass_time(engine: Engine, clock: ManualClock, seconds: float) -> None:
    """Let time pass, and everything that comes due meanwhile happen when it does, in order."""
    until_ms = clock.now_ms() + round(seconds * 1_000)
    await engine.settle()
    while (due_ms := await _next_due_ms(engine, clock)) is not None and due_ms <= until_ms:
        await clock.advance_to(due_ms)
        await engine.settle()
    await clock.advance_to(until_ms)
    await engine.settle()


async def _next_due_ms(engine: Engine, clock: ManualClock) -> int | None:
    now_ms = clock.now_ms()
    return await engine._database.transact(partial(next_due_ms, registry=engine._registry(), now_ms=now_ms))
