"""Everything that `stepcue dev` serves, in this process, over an app that can be made to answer anything."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from starlette.types import ASGIApp
from support.invariants import check_nothing_hangs
from support.shipped_docs import shipped_docs

from durable_engine import Engine, EngineConfig, NewEvent, RealClock, RunStatus, RunView, build_app
from durable_engine.sdk.client import SDKClient
from mcp_server.http import mount_mcp
from mcp_server.server import build_server

ORIGIN: Final = "http://127.0.0.1:8288"
APP_URL: Final = "http://127.0.0.1:8000/api/inngest"
SDK: Final = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-req-version": "2"}
PATIENCE_S: Final = 60
"""How long a test waits for an answer before it says that there never is one."""
_FUZZ: Final = int(os.environ.get("STEPCUE_FUZZ", "1"))
"""How many times as much as `make test` is tried."""


def examples(few: int) -> int:
    """Return how many examples to try, where `make test` tries `few`."""
    return few * _FUZZ


def stride(wide: int) -> int:
    """Return which of the cases to try, where `make test` tries one of `wide`."""
    return max(wide // _FUZZ, 1)


@dataclass
class Faults(logging.Handler):
    """What the log tells of faults of ours: records with a traceback."""

    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.found.append(f"{record.getMessage()}: {record.exc_info[1]!r}")

    __hash__ = logging.Handler.__hash__


class AnyApp(httpx.AsyncBaseTransport):
    """An app with the functions `lab-job` and `lab-other`; calls of `lab-job` get `answer`, if one is set."""

    def __init__(self) -> None:
        self.answer: httpx.Response | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = json.loads(await request.aread() or "{}")
        if "fnId=lab-job" in str(request.url) and self.answer is not None:
            return self.answer
        if "steps" in call and not call["steps"]:
            step = {"op": "StepRun", "id": "hash-a", "userland": {"id": "a"}, "data": 1}
            return httpx.Response(206, json=[step], headers=SDK)
        return httpx.Response(200, json="done", headers=SDK)


@dataclass
class Doors:
    """The engine, its app, and a client of all routes."""

    engine: Engine
    app: AnyApp
    served: ASGIApp
    api: httpx.AsyncClient
    faults: Faults

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a request, which there must be; a fault of ours raises here."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.api.request(method, path, **more)

    async def run(self) -> RunView:
        """Start `lab-job` and let everything happen that can happen now."""
        receipt = await self.engine.send_event(NewEvent(name="t/job", data={"a": 1}))
        async with asyncio.timeout(PATIENCE_S):
            await self.engine.settle()
        return await self.engine.get_run(receipt.started[0].run_id)

    async def check_it_still_works(self) -> None:
        """A normal run completes, and nothing was logged as a fault of ours."""
        self.app.answer = None
        await self.engine.register_app(registration())
        assert (await self.run()).status is RunStatus.COMPLETED
        assert self.faults.found == []


def registration(*names: str) -> dict[str, Any]:
    """Return what the app registers: `job`, `other`, and more functions."""
    return {
        "appName": "lab",
        "url": APP_URL,
        "sdk": "py:v0.5.19",
        "functions": [_function(name) for name in ("job", "other", *names)],
    }


def _function(name: str) -> dict[str, Any]:
    runtime = {"url": f"{APP_URL}?fnId=lab-{name}&stepId=step"}
    return {
        "id": f"lab-{name}",
        "name": name,
        "triggers": [{"event": f"t/{name}"}],
        "steps": {"step": {"runtime": runtime, "retries": {"attempts": 1}}},
    }


@asynccontextmanager
async def doors() -> AsyncIterator[Doors]:
    """Serve while entered; at the end the engine still works, and nothing hangs."""
    app, faults = AnyApp(), Faults()
    logging.getLogger().addHandler(faults)
    try:
        async with await Engine.open(EngineConfig(), clock=RealClock(), client=SDKClient(app)) as engine:
            mount = mount_mcp(build_server(engine, shipped_docs()))
            served = build_app(engine, more_routes=mount.routes)
            async with (
                mount.lifespan(),
                httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url=ORIGIN) as api,
            ):
                opened = Doors(engine, app, served, api, faults)
                await engine.register_app(registration())
                yield opened
                await opened.check_it_still_works()
                await check_nothing_hangs(engine, may_repair=True)
    finally:
        logging.getLogger().removeHandler(faults)
