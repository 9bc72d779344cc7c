"""A real Inngest Python app inside the test's process, served to an engine with a clock of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastapi
import httpx
import inngest
import inngest.fast_api
from starlette.types import ASGIApp
from support.invariants import check_nothing_hangs
from support.passing_time import pass_time
from support.wall import wall_ms

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent, RealClock, RunView, build_app
from durable_engine.sdk.client import SDKClient

APP_URL = "http://127.0.0.1:8000/api/inngest"
ENGINE_ORIGIN = "http://127.0.0.1:8288"


class Network(httpx.AsyncBaseTransport):
    """Routes the engine's calls to the app, and lets a test take the app down or speak for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = httpx.ASGITransport(app)
        self.calls = 0
        """Call requests that reached the app."""
        self.answer: Callable[[httpx.Request], httpx.Response] | None = None
        """Answers instead of the app while it is set; it may raise an httpx error."""
        self.alter: Callable[[httpx.Response], None] | None = None
        """Sees each answer of the app on its way, and may change its headers and its content."""
        self.port: int | None = None
        """The only port on which the app listens; None is every port."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.calls += 1
        if self.answer is not None:
            return self.answer(request)
        if self.port is not None and request.url.port != self.port:
            raise httpx.ConnectError("refused", request=request)
        response = await self._app.handle_async_request(request)
        if self.alter is not None:
            self.alter(response)
        return response


@dataclass
class Lab:
    """An engine, its clock, and the app behind it."""

    engine: Engine
    clock: ManualClock | RealClock
    network: Network
    api: httpx.AsyncClient

    async def send(self, name: str, data: Mapping[str, Any] | None = None, **more: Any) -> tuple[str, ...]:
        """Send an event; return the ids of the runs it started."""
        receipt = await self.engine.send_event(NewEvent(name=name, data=dict(data or {}), **more))
        return tuple(run.run_id for run in receipt.started)

    async def start(self, name: str, data: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Send an event that starts exactly one run; return its id."""
        (run_id,) = await self.send(name, data, **more)
        return run_id

    async def settle(self, run_id: str) -> RunView:
        """Let everything happen that can happen now; return the run."""
        await self.engine.settle()
        return await self.engine.get_run(run_id)

    async def advance(self, seconds: float, run_id: str) -> RunView:
        """Let `seconds` pass, and everything that comes due by then happen; return the run."""
        await self.engine.settle()
        await self.clock.advance(seconds)
        return await self.settle(run_id)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and everything that comes due meanwhile happen when it does, in order."""
        await pass_time(self.engine, self.clock, seconds)


@asynccontextmanager
async def lab(
    client: inngest.Inngest,
    functions: list[inngest.Function[Any]],
    *,
    data_file: Path | None = None,
    clock: ManualClock | RealClock | None = None,
    signing_key: str | None = None,
    syncs: bool = True,
    wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    **settings: Any,
) -> AsyncIterator[Lab]:
    """Serve `functions` with the real SDK and run an engine on them; `wrap` puts middleware around.

    `settings` are more of the engine's.
    """
    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, client, functions)
    network = Network(wrap(app))
    # The Python SDK turns a sleep into a date of its own, real clock: start the engine's clock there.
    clock = clock or ManualClock(wall_ms())
    config = EngineConfig(data_file=data_file, signing_key=signing_key, **settings)
    async with await Engine.open(
        config, clock=clock, client=SDKClient(network, signing_key=signing_key)
    ) as engine:
        transport = httpx.ASGITransport(build_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url=ENGINE_ORIGIN) as api:
            # The SDK reaches the engine in this process too: to register, to send events, to fetch state.
            client._http_client._http_client._transport = transport
            if syncs:
                await engine.sync_app(APP_URL)
            yield Lab(engine, clock, network, api)
            await check_nothing_hangs(engine)


def new_client(app_id: str = "lab") -> inngest.Inngest:
    """Return an SDK client in dev mode."""
    return inngest.Inngest(app_id=app_id, is_production=False, api_base_url=ENGINE_ORIGIN)
