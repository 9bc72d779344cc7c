"""An engine with a scripted app, and a client of its REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from scripted_app import App, engine_for, opcodes, result, sleep, step_run

from durable_engine import Engine, ManualClock, build_app

ORIGIN = "http://127.0.0.1:8288"
NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
"""A well-formed id that nothing has."""


@dataclass
class Rest:
    """What a test talks to."""

    engine: Engine
    clock: ManualClock
    app: App
    api: httpx.AsyncClient

    async def get(self, path: str, **query: Any) -> Any:
        """Return the body of an answer that must be 200."""
        response = await self.api.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: Any = None) -> Any:
        """Return the body of an answer that must be 200."""
        response = await self.api.post(path, json=body)
        assert response.status_code == 200, response.text
        return response.json()


@asynccontextmanager
async def rest(app: App | None = None, *names: str, retries: int = 4) -> AsyncIterator[Rest]:
    app = app or App()
    clock = ManualClock(1_800_000_000_000)
    async with engine_for(app, *names, clock=clock, retries=retries) as engine:
        transport = httpx.ASGITransport(build_app(engine), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as api:
            yield Rest(engine, clock, app, api)


async def one_step_then_a_day(body: dict[str, Any]) -> httpx.Response:
    """Script: step `first`, then a sleep of a day, then the result."""
    steps = body["steps"]
    if "hash-first" not in steps:
        return opcodes(step_run("first", {"n": 1}))
    if "hash-nap" not in steps:
        return opcodes(sleep("nap", "1d"))
    return result({"ok": True})


async def fails(_: dict[str, Any]) -> httpx.Response:
    """Script: an error that is not tried again."""
    headers = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-no-retry": "true"}
    return httpx.Response(400, json={"name": "ValueError", "message": "no"}, headers=headers)
