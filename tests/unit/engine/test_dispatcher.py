"""The loop: how much at once, what wakes it, what it survives, how it stops."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted_app import App, engine_for, opcodes, registration, result, settle, sleep, start, step_run

from durable_engine import Engine, ManualClock, NewEvent, RunStatus, StepStatus, slots
from durable_engine.storage.tables import Tables

pytestmark = pytest.mark.anyio


def _steps(count: int) -> Any:
    """Answer with one step after the other, then with the result."""

    async def handle(body: dict[str, Any]) -> httpx.Response:
        done = len(body["steps"])
        return opcodes(step_run(f"s{done}", done)) if done < count else result(done)

    return handle


async def test_everything_that_is_due_is_done_without_any_time_passing() -> None:
    app = App(_steps(5))
    async with engine_for(app) as engine:
        runs = [await start(engine) for _ in range(20)]
        await settle(engine)
        views = [await engine.get_run(run_id) for run_id in runs]
    assert {view.status for view in views} == {RunStatus.COMPLETED}
    assert len(app.bodies) == 20 * 6


async def test_no_more_calls_are_open_than_there_are_slots_and_each_freed_slot_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slots, "MAX_OPEN_CALLS", 3)
    app = App(_steps(2))
    app.gate.clear()
    async with engine_for(app) as engine:
        runs = [await start(engine) for _ in range(10)]
        await app.called(3)
        app.gate.set()
        await settle(engine)
        views = [await engine.get_run(run_id) for run_id in runs]
    assert {view.status for view in views} == {RunStatus.COMPLETED}
    assert app.most_open == 3
    assert len(app.bodies) == 10 * 3


async def test_with_all_slots_taken_calls_in_lanes_and_others_go_by_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slots, "MAX_OPEN_CALLS", 1)
    app = App()
    app.gate.clear()
    async with engine_for(app, "ranked", "plain") as engine:
        body = registration("ranked", "plain")
        body["functions"][0]["priority"] = {"run": "0"}
        await engine.register_app(body)
        for name in ["ranked"] * 10 + ["plain"] * 3:
            await start(engine, f"t/{name}")
        app.gate.set()
        await settle(engine)
    names = [body["event"]["name"] for body in app.bodies]
    assert len(names) == 13
    assert names[1:7].count("t/plain") == 3


async def test_timers_fire_when_the_clock_gets_there_and_not_before() -> None:
    async def handle(body: dict[str, Any]) -> httpx.Response:
        return result() if body["steps"] else opcodes(sleep("nap", "1h"))

    clock = ManualClock()
    async with engine_for(App(handle), clock=clock) as engine:
        run_id = await start(engine)
        await settle(engine)
        await clock.advance(3_599)
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.RUNNING
        await clock.advance(1)
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED


async def test_an_earlier_due_time_that_comes_up_while_the_loop_sleeps_is_not_slept_over() -> None:
    async def handle(body: dict[str, Any]) -> httpx.Response:
        return result() if body["steps"] else opcodes(sleep("nap", body["event"]["data"]["for"]))

    clock = ManualClock()
    async with engine_for(App(handle), clock=clock) as engine:
        late = await start(engine, **{"for": "10h"})
        await settle(engine)
        early = await start(engine, **{"for": "1h"})
        await settle(engine)
        await clock.advance(3_600)
        await settle(engine)
        assert (await engine.get_run(early)).status is RunStatus.COMPLETED
        assert (await engine.get_run(late)).status is RunStatus.RUNNING


async def test_an_event_from_the_future_wakes_the_loop_when_it_is_due() -> None:
    clock = ManualClock()
    app = App()
    async with engine_for(app, clock=clock) as engine:
        event = NewEvent(name="t/job", ts_ms=clock.now_ms() + 60_000)
        (started,) = (await engine.send_event(event)).started
        await settle(engine)
        assert app.bodies == []
        await clock.advance(60)
        await settle(engine)
        assert (await engine.get_run(started.run_id)).status is RunStatus.COMPLETED


async def _writer(engine: Engine) -> sqlite3.Connection:
    def connection(tables: Tables) -> sqlite3.Connection:
        tables.runs._connection.execute("PRAGMA busy_timeout = 0")
        return tables.runs._connection

    return await engine._database.transact(connection)


async def test_a_data_file_that_cannot_be_written_for_a_while_stops_nothing_for_good(tmp_path: Path) -> None:
    clock = ManualClock()
    app = App()
    app.gate.clear()
    async with engine_for(app, data_file=tmp_path / "engine.db", clock=clock) as engine:
        run_id = await start(engine)
        await app.called(1)
        await _writer(engine)
        other = sqlite3.connect(tmp_path / "engine.db", isolation_level=None, timeout=0)
        other.execute("BEGIN IMMEDIATE")
        app.gate.set()
        await clock.somebody_waits()
        other.execute("ROLLBACK")
        other.close()
        for _ in range(3):
            await clock.advance(5)
        await settle(engine)
        view = await engine.get_run(run_id)
    assert (view.status, view.output) == (RunStatus.COMPLETED, "done")
    assert len(app.bodies) == 1


async def test_stopping_lets_open_calls_end_and_keeps_their_results(tmp_path: Path) -> None:
    async def handle(body: dict[str, Any]) -> httpx.Response:
        return result() if body["steps"] else opcodes(step_run("slow", 1), sleep("nap", "1h"))

    app = App(handle)
    app.gate.clear()
    async with engine_for(app, data_file=tmp_path / "engine.db") as engine:
        run_id = await start(engine)
        await app.called(1)
        stopping = asyncio.create_task(engine.close())
        await asyncio.sleep(0)
        app.gate.set()
        await stopping
    async with engine_for(App(handle), data_file=tmp_path / "engine.db") as engine:
        view = await engine.get_run(run_id)
        assert {step.name: step.status for step in view.steps} == {
            "slow": StepStatus.COMPLETED,
            "nap": StepStatus.WAITING,
        }


async def test_a_call_that_does_not_end_in_time_is_handed_back_and_made_again_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durable_engine.engine._DRAIN_S", 0)
    app = App()
    app.gate.clear()
    async with engine_for(app, data_file=tmp_path / "engine.db") as engine:
        run_id = await start(engine)
        await app.called(1)
    assert app.open == 0

    again = App()
    async with engine_for(again, data_file=tmp_path / "engine.db") as engine:
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED
    assert len(again.bodies) == 1
    assert again.bodies[0]["ctx"]["attempt"] == 0


async def test_a_bug_of_ours_in_one_run_ends_that_run_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handle(body: dict[str, Any]) -> httpx.Response:
        return result({"n": body["event"]["data"]["n"]})

    async with engine_for(App(handle)) as engine:
        real = engine._client.call

        async def call(call: Any, **more: Any) -> Any:
            if '"n":13' in call.events[0]:
                raise ZeroDivisionError("a bug")
            return await real(call, **more)

        monkeypatch.setattr(engine._client, "call", call)
        good, bad = await start(engine, n=1), await start(engine, n=13)
        await settle(engine)
        assert (await engine.get_run(good)).output == {"n": 1}
        view = await engine.get_run(bad)
        assert view.status is RunStatus.FAILED
        assert view.error is not None
        assert view.error["name"] == "InternalEngineError"
        assert "ZeroDivisionError" in view.error["message"]
        assert "a bug" not in view.error["message"]


async def test_settling_again_and_from_several_tasks_returns_each_time() -> None:
    async with engine_for(App(_steps(3))) as engine:
        await settle(engine)
        run_id = await start(engine)
        await asyncio.gather(*(settle(engine) for _ in range(5)))
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED
        await settle(engine)


async def test_settling_waits_for_calls_that_are_open() -> None:
    app = App()
    app.gate.clear()
    async with engine_for(app) as engine:
        run_id = await start(engine)
        settled = asyncio.create_task(engine.settle())
        await app.called(1)
        assert not settled.done()
        app.gate.set()
        await asyncio.wait_for(settled, 5)
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED
