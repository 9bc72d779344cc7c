"""An engine whose only app is a Python function in this process: no SDK, no sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from support.invariants import check_nothing_hangs

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent
from durable_engine.sdk.client import SDKClient

URL = "http://127.0.0.1:8000/api/inngest"
SDK = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-req-version": "2"}
PATIENCE_S = 60
"""How long a test waits before it says that something never happens."""

Handler = Callable[[dict[str, Any]], Awaitable[httpx.Response]]


def result(data: Any = "done") -> httpx.Response:
    return httpx.Response(200, json=data, headers=SDK)


def opcodes(*entries: dict[str, Any]) -> httpx.Response:
    return httpx.Response(206, json=list(entries), headers=SDK)


def step_run(name: str, data: Any = None) -> dict[str, Any]:
    return {"op": "StepRun", "id": f"hash-{name}", "userland": {"id": name}, "data": data}


def sleep(name: str, until: str) -> dict[str, Any]:
    return {"op": "Sleep", "id": f"hash-{name}", "userland": {"id": name}, "name": until}


class App(httpx.AsyncBaseTransport):
    """Answers the engine's calls; every call may be held open until the test lets it go."""

    def __init__(self, handler: Handler | None = None) -> None:
        self.handler = handler
        self.bodies: list[dict[str, Any]] = []
        self.open = 0
        self.most_open = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._arrived = asyncio.Condition()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        async with self._arrived:
            self.bodies.append(body)
            self._arrived.notify_all()
        try:
            await self.gate.wait()
            return result() if self.handler is None else await self.handler(body)
        finally:
            self.open -= 1

    async def called(self, times: int) -> None:
        """Return once this many calls have arrived."""
        async with asyncio.timeout(PATIENCE_S), self._arrived:
            await self._arrived.wait_for(lambda: len(self.bodies) >= times)


def registration(*names: str, app: str = "lab", retries: int = 4, url: str = URL) -> dict[str, Any]:
    return {
        "appName": app,
        "url": url,
        "sdk": "py:v0.5.19",
        "functions": [
            {
                "id": f"{app}-{name}",
                "name": name,
                "triggers": [{"event": f"t/{name}"}],
                "steps": {
                    "step": {
                        "runtime": {"url": f"{url}?fnId={app}-{name}&stepId=step"},
                        "retries": {"attempts": retries},
                    }
                },
            }
            for name in names
        ],
    }


@asynccontextmanager
async def engine_for(
    app: App,
    *names: str,
    data_file: Path | None = None,
    clock: ManualClock | None = None,
    retries: int = 4,
    may_repair: bool = False,
    config: EngineConfig | None = None,
) -> AsyncIterator[Engine]:
    config = config or EngineConfig(data_file=data_file)
    engine = await Engine.open(config, clock=clock or ManualClock(), client=SDKClient(app))
    async with engine:
        await engine.register_app(registration(*(names or ("job",)), retries=retries))
        yield engine
        await check_nothing_hangs(engine, may_repair=may_repair)


async def start(engine: Engine, name: str = "t/job", **data: Any) -> str:
    receipt = await engine.send_event(NewEvent(name=name, data=data))
    (started,) = receipt.started
    return started.run_id


async def settle(engine: Engine) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await engine.settle()
