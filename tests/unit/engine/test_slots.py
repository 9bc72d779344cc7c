"""Slots are shared by apps: whatever one of them keeps open, the others go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from scripted_app import App, engine_for, registration, result, settle, start

from durable_engine import Engine, EventReceipt, NewEvent, RunStatus, slots

pytestmark = pytest.mark.anyio

OTHER = "http://127.0.0.1:8001/api/inngest"


def _other(*names: str) -> dict[str, Any]:
    """Return the registration of a second app, whose functions listen to events of their own."""
    body = registration(*names, app="other", url=OTHER)
    for function, name in zip(body["functions"], names, strict=True):
        function["triggers"] = [{"event": f"o/{name}"}]
    return body


@asynccontextmanager
async def _two_apps(app: App) -> AsyncIterator[Engine]:
    async with engine_for(app, "job") as engine:
        await engine.register_app(_other("job"))
        yield engine


async def _start_many(engine: Engine, count: int, name: str = "t/job") -> list[EventReceipt]:
    return await engine.send_events([NewEvent(name=name, data={"n": n}) for n in range(count)])


def _few(monkeypatch: pytest.MonkeyPatch, *, shared: int, own: int) -> None:
    monkeypatch.setattr(slots, "MAX_OPEN_CALLS", shared)
    monkeypatch.setattr(slots, "MAX_OWN_CALLS", own)


def _names(app: App) -> list[str]:
    return [body["event"]["name"] for body in app.bodies]


class Hanging(App):
    """Its first app hangs until the gate opens; the other one answers at once."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.port == 8001:
            return await self.other(request)
        return await super().handle_async_request(request)

    async def other(self, request: httpx.Request) -> httpx.Response:
        return result("other")


async def test_a_run_of_another_app_ends_while_a_thousand_calls_of_the_first_hang() -> None:
    app = Hanging()
    app.gate.clear()
    async with _two_apps(app) as engine:
        await _start_many(engine, 1_000)
        await app.called(500)
        run_id = await start(engine, "o/job")
        views = await engine.wait_for_runs([run_id], timeout_s=60)
        assert views[run_id].status is RunStatus.COMPLETED
        assert (app.open, app.most_open) == (500, 500)
        app.gate.set()
        await settle(engine)
    assert len(app.bodies) == 1_000
    assert app.most_open == 500
    assert [body["event"]["data"]["n"] for body in app.bodies] == list(range(1_000))


async def test_an_app_alone_has_all_slots_and_one_more_app_has_a_few_of_its_own_besides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _few(monkeypatch, shared=6, own=2)
    app = App()
    app.gate.clear()
    async with _two_apps(app) as engine:
        await _start_many(engine, 20)
        await app.called(6)
        await _start_many(engine, 20, "o/job")
        await app.called(8)
        assert Counter(_names(app)) == {"t/job": 6, "o/job": 2}
        app.gate.set()
        await settle(engine)
    assert Counter(_names(app)) == {"t/job": 20, "o/job": 20}
    assert app.most_open == 8


async def test_what_becomes_free_goes_to_the_app_with_the_fewest_open_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _few(monkeypatch, shared=8, own=1)
    app = Stepwise()
    async with _two_apps(app) as engine:
        await _start_many(engine, 20)
        await app.are(8, 0)
        await _start_many(engine, 20, "o/job")
        await app.are(8, 1)
        for first, other in [(7, 1), (6, 2), (5, 3), (4, 4), (4, 4)]:
            app.end_one("t/job")
            await app.are(first, other)
        app.end_all()
        await settle(engine)
    assert sorted(app.seen["t/job"]) == sorted(app.seen["o/job"]) == list(range(20))


class Stepwise(App):
    """Each call is open until the test ends it, the oldest of its event first."""

    def __init__(self) -> None:
        super().__init__(self._hang)
        self.seen: dict[str, list[int]] = {"t/job": [], "o/job": []}
        self._open: dict[str, list[asyncio.Event]] = {"t/job": [], "o/job": []}
        self._changed = asyncio.Condition()
        self._ends = False

    async def _hang(self, body: dict[str, Any]) -> httpx.Response:
        name, let = body["event"]["name"], asyncio.Event()
        self.seen[name].append(body["event"]["data"]["n"])
        self._open[name].append(let)
        if self._ends:
            let.set()
        async with self._changed:
            self._changed.notify_all()
        await let.wait()
        return result()

    async def are(self, first: int, other: int) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(
                lambda: (len(self._open["t/job"]), len(self._open["o/job"])) == (first, other)
            )

    def end_one(self, name: str) -> None:
        self._open[name].pop(0).set()

    def end_all(self) -> None:
        self._ends = True
        for opened in self._open.values():
            for let in opened:
                let.set()
