"""The real TypeScript SDKs in a process of their own, served by an engine whose clock the test moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from support.invariants import check_nothing_hangs
from support.listening import Door, listening
from support.node import APPS, node_app, packages
from support.passing_time import pass_time
from support.wall import wall_ms

from durable_engine import (
    Engine,
    EngineConfig,
    EventReceipt,
    ManualClock,
    NewEvent,
    RunStatus,
    RunView,
    build_app,
)

VERSIONS: Final = ("v3", "v4")


@dataclass(frozen=True)
class Journal:
    """What a run did in the app: calls of the function, and which bodies ran, in order."""

    calls: int
    ran: list[str]

    @property
    def counts(self) -> Counter[str]:
        """How often each body ran."""
        return Counter(self.ran)


@dataclass(frozen=True)
class TypeScriptApp:
    """A running app; `door` is what stands behind the origin that it takes for its engine."""

    version: str
    origin: str
    door: Door
    http: httpx.AsyncClient


@dataclass(frozen=True)
class Lab:
    """An engine of the test's own, its clock, and the app behind it."""

    app: TypeScriptApp
    engine: Engine
    clock: ManualClock

    async def deliver(self, name: str, data: Mapping[str, Any] | None = None, **more: Any) -> EventReceipt:
        """Send an event; return what it did."""
        return await self.engine.send_event(NewEvent(name=name, data=dict(data or {}), **more))

    async def send(self, name: str, data: Mapping[str, Any] | None = None, **more: Any) -> tuple[str, ...]:
        """Send an event; return the ids of the runs it started."""
        receipt = await self.deliver(name, data, **more)
        return tuple(run.run_id for run in receipt.started)

    async def start(self, function: str, **data: Any) -> str:
        """Start the function with this id by its event; return the run's id.

        `function` may name another of the process's apps first: `ts-streaming/single`.
        """
        (run_id,) = await self.send(function if "/" in function else f"ts/{function}", data)
        return run_id

    async def settle(self, run_id: str) -> RunView:
        """Let everything happen that can happen now; return the run."""
        await self.engine.settle()
        return await self.engine.get_run(run_id)

    async def run(self, function: str, **data: Any) -> RunView:
        """Start a function and let everything happen that can happen now; return the run."""
        return await self.settle(await self.start(function, **data))

    async def advance(self, seconds: float, run_id: str) -> RunView:
        """Let `seconds` pass, and everything that comes due by then happen; return the run."""
        await self.engine.settle()
        await self.clock.advance(seconds)
        return await self.settle(run_id)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and everything that comes due meanwhile happen when it does, in order."""
        await pass_time(self.engine, self.clock, seconds)

    async def next_due(self, run_id: str) -> tuple[float, RunView]:
        """Let the run's next wait end; return how many seconds that took, and the run."""
        run = await self.settle(run_id)
        due = min(wait.until_ms for wait in run.waiting_for if wait.until_ms is not None)
        seconds = (due - self.clock.now_ms()) / 1_000
        return seconds, await self.advance(max(seconds, 0), run_id)

    async def finish(self, function: str, **data: Any) -> RunView:
        """Start a function and let time pass until the run has ended."""
        run = await self.run(function, **data)
        while not run.status.is_terminal:
            _, run = await self.next_due(run.id)
        return run

    async def output(self, function: str, **data: Any) -> Any:
        """Run a function to its end, which must be a good one; return its result."""
        run = await self.finish(function, **data)
        assert run.status is RunStatus.COMPLETED, run.error
        return run.output

    async def journal(self, run_id: str) -> Journal:
        """Return what this run did in the app so far."""
        answer = await self.app.http.get(f"{self.app.origin}/journal/{run_id}")
        return Journal(**answer.json())


@asynccontextmanager
async def typescript_app(version: str) -> AsyncIterator[TypeScriptApp]:
    """Run the app of one major version of the SDK, with no engine behind its door yet."""
    packages(APPS / version)
    door = Door()
    async with (
        listening(door) as engine_origin,
        node_app(APPS / version, engine_origin) as origin,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        yield TypeScriptApp(version, origin, door, http)


@asynccontextmanager
async def lab(app: TypeScriptApp, *serves: str) -> AsyncIterator[Lab]:
    """Open an engine with nothing in it, behind the app's door, and sync what the process serves there."""
    # The SDK turns some waits into dates of its own, real clock: start the engine's clock there.
    clock = ManualClock(wall_ms(), wall=wall_ms)
    async with await Engine.open(EngineConfig(), clock=clock) as engine:
        app.door.app = build_app(engine)
        try:
            for path in serves:
                await engine.sync_app(f"{app.origin}/api/{path}")
            yield Lab(app, engine, clock)
            await check_nothing_hangs(engine)
        finally:
            app.door.app = None
