"""Slots are shared by apps: whatever one of them keeps open, the others go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from engine_tables import World, a_function, an_app, ref
from scripted_app import App, engine_for, registration, result, settle, start

from durable_engine import Engine, EventReceipt, NewEvent, RunStatus, slots
from durable_engine.executor import Work, take_due
from durable_engine.model.flow import FlowControl
from durable_engine.model.op import Gateway, Sleep, StepRan
from durable_engine.model.queue_item import ItemKind
from durable_engine.model.reply import Ops, Returned
from durable_engine.model.slot import SlotKind, share_of
from durable_engine.model.status import StepKind
from durable_engine.registry import Registry
from durable_engine.slots import Slots

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


async def test_a_run_of_another_app_ends_while_hundreds_of_calls_of_the_first_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _few(monkeypatch, shared=100, own=10)
    app = Hanging()
    app.gate.clear()
    async with _two_apps(app) as engine:
        await _start_many(engine, 300)
        await app.called(100)
        run_id = await start(engine, "o/job")
        views = await engine.wait_for_runs([run_id], timeout_s=60)
        assert views[run_id].status is RunStatus.COMPLETED
        assert (app.open, app.most_open) == (100, 100)
        app.gate.set()
        await settle(engine)
    assert app.most_open == 100
    assert [body["event"]["data"]["n"] for body in app.bodies] == list(range(300))


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


async def test_lanes_of_a_busy_app_wait_for_slots_as_its_other_calls_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _few(monkeypatch, shared=6, own=2)
    app = Hanging()
    app.gate.clear()
    ranked = registration("job", "ranked", "keyed")
    ranked["functions"][1]["priority"] = {"run": "0"}
    ranked["functions"][2]["concurrency"] = [{"limit": 2, "key": "event.data.n"}]
    async with engine_for(app) as engine:
        await engine.register_app(ranked)
        theirs = _other("ranked", "plain")
        theirs["functions"][0]["priority"] = {"run": "0"}
        await engine.register_app(theirs)
        for name in ("t/ranked", "t/keyed", "t/job"):
            await _start_many(engine, 10, name)
        await app.called(6)
        runs = [await start(engine, name) for name in ("o/ranked", "o/plain")]
        views = await engine.wait_for_runs(runs, timeout_s=60)
        assert {view.status for view in views.values()} == {RunStatus.COMPLETED}
        assert (app.open, app.most_open) == (6, 6)
        app.gate.set()
        await settle(engine)
    assert Counter(_names(app)) == {"t/ranked": 10, "t/keyed": 10, "t/job": 10}
    assert app.most_open == 6


def _world() -> World:
    return World(a_function("job"), replace(a_function("theirs"), app_name="other"))


def test_requests_of_steps_have_slots_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _few(monkeypatch, shared=3, own=1)
    world = _world()
    world.start("t/job")
    planned = [
        Gateway(step=ref(f"n{n}"), kind=StepKind.FETCH, request={"url": "http://a/"}) for n in range(9)
    ]
    world.answer(world.take_one(), Ops(ops=tuple(planned)))
    requests = world.take()
    assert [work.gateway is not None for work in requests] == [True] * 3
    assert world.take() == []  # no request more, however many are due
    for _ in range(5):
        world.start("t/job")
    calls = world.take()
    assert [work.call is not None for work in calls] == [True] * 3
    world.answer(requests[0], _ended(requests[0]))
    assert [work.gateway is not None for work in world.take()] == [True]


def _ended(work: Work) -> Ops:
    assert work.gateway is not None
    return Ops(ops=(StepRan(step=work.gateway.ref, data=1),))


def test_timers_are_fired_while_every_slot_is_taken_and_so_many_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _few(monkeypatch, shared=3, own=1)
    monkeypatch.setattr(slots, "MAX_TIMERS", 4)
    world = _world()
    for _ in range(10):
        world.start("t/job")
        world.answer(world.take_one(), Ops(ops=(Sleep(step=ref("nap"), until="1h"),)))
    for _ in range(5):
        world.start("t/job")
    assert len(world.take()) == 3
    world.now_ms += 3_600_000
    fired = 0
    while timers := world.take():
        assert {work.item.kind for work in timers} == {ItemKind.TIMER}
        assert len(timers) <= 4
        for work in timers:
            world.fire(work)
        fired += len(timers)
    assert fired == 10


def test_a_transaction_that_is_undone_takes_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    _few(monkeypatch, shared=2, own=1)
    world = _world()
    for _ in range(5):
        world.start("t/job")
    mark = world.tables.slots.mark()
    world.connection.execute("BEGIN")
    assert len(take_due(world.tables, world.registry, now_ms=world.now_ms, limit=100)) == 2
    world.connection.execute("ROLLBACK")
    world.tables.slots.undo(mark)
    world.tables.forget()
    assert len(world.take()) == 2


def test_what_waits_for_a_slot_is_found_after_a_crash_and_by_a_sync_that_gives_it_a_lane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _few(monkeypatch, shared=2, own=1)
    world = _world()
    runs = [world.start("t/job") for _ in range(6)]
    assert len(world.take()) == 2
    world.crash()
    first = world.take()
    assert [work.item.run_id for work in first] == runs[:2]
    world.sync(
        a_function("job", flow=FlowControl(priority="0")), replace(a_function("theirs"), app_name="other")
    )
    taken = []
    while first:
        taken += [work.item.run_id for work in first]
        for work in first:
            world.answer(work, Returned(data=1))
        first = world.take()
    assert taken == runs


def test_a_call_of_a_paused_function_keeps_no_slot_and_one_that_waited_is_put_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _few(monkeypatch, shared=2, own=1)
    world = _world()
    for _ in range(6):
        world.start("t/job")
    first = world.take()
    world.pause(world.registry.functions[0], is_paused=True)
    for work in first:
        world.answer(work, Returned(data=1))
    assert world.take() == []
    assert +Counter(world.tables.slots.running) == {}
    world.pause(world.registry.functions[0], is_paused=False)
    assert len(world.take()) == 2


@pytest.mark.parametrize("apps", [1, 3, 10, 499])
def test_however_many_apps_there_are_the_slots_are_at_most_doubled(apps: int) -> None:
    world = _world()
    registry = Registry([replace(an_app(), id=str(n), name=str(n)) for n in range(apps)])
    found = Slots(world.tables, registry)
    shares = [share_of(SlotKind.CALL, str(n)) for n in range(apps)]
    opened = Counter[int]()
    for share in shares * 1_100 if apps < 4 else shares * 110:
        if found.may_take(share):
            world.tables.slots.take(share)
            opened[share] += 1
    assert slots.MAX_OPEN_CALLS <= opened.total() <= 2 * slots.MAX_OPEN_CALLS
    assert min(opened.values()) >= 1


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
        async with asyncio.timeout(60), self._changed:
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
