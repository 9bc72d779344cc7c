"""Waiting for runs: woken by their ends, bounded by the caller's patience."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from scripted_app import App, engine_for, opcodes, result, settle, sleep, start

from durable_engine import ManualClock, RunStatus
from durable_engine.signals import Signals

pytestmark = pytest.mark.anyio

LONG_S = 1_000


async def _bounded(wait: Any) -> Any:
    return await asyncio.wait_for(wait, 5)


async def test_a_run_that_has_ended_is_returned_at_once() -> None:
    async with engine_for(App()) as engine:
        run_id = await start(engine)
        await settle(engine)
        views = await _bounded(engine.wait_for_runs([run_id, run_id], timeout_s=LONG_S))
    assert {key: view.status for key, view in views.items()} == {run_id: RunStatus.COMPLETED}


async def test_the_waiter_is_woken_by_the_end_and_not_by_the_clock() -> None:
    app = App()
    app.gate.clear()
    async with engine_for(app) as engine:
        runs = [await start(engine) for _ in range(3)]
        waiting = asyncio.create_task(engine.wait_for_runs(runs, timeout_s=LONG_S))
        await app.called(3)
        assert not waiting.done()
        app.gate.set()
        views = await _bounded(waiting)
    assert [views[run_id].status for run_id in runs] == [RunStatus.COMPLETED] * 3


async def test_when_the_patience_is_over_the_runs_are_returned_as_they_are() -> None:
    async def handle(body: dict[str, Any]) -> httpx.Response:
        return result() if body["steps"] else opcodes(sleep("nap", "1h"))

    clock = ManualClock()
    async with engine_for(App(handle), clock=clock) as engine:
        run_id = await start(engine)
        await settle(engine)
        waiting = asyncio.create_task(engine.wait_for_runs([run_id], timeout_s=30))
        await clock.somebody_waits(2)
        assert not waiting.done()
        await clock.advance(30)
        views = await _bounded(waiting)
        assert views[run_id].status is RunStatus.RUNNING
        assert views[run_id].waiting_for[0].kind == "sleep"


async def test_an_id_of_no_run_is_missing_from_the_answer_and_waited_for_by_nobody() -> None:
    async with engine_for(App()) as engine:
        assert await _bounded(engine.wait_for_runs(["nobody"], timeout_s=LONG_S)) == {}
        run_id = await start(engine)
        views = await _bounded(engine.wait_for_runs(["nobody", run_id], timeout_s=LONG_S))
        assert list(views) == [run_id]


async def test_several_waiters_of_one_run_are_all_woken() -> None:
    app = App()
    app.gate.clear()
    async with engine_for(app) as engine:
        run_id = await start(engine)
        waits = [asyncio.create_task(engine.wait_for_runs([run_id], timeout_s=LONG_S)) for _ in range(5)]
        await app.called(1)
        waits[0].cancel()
        app.gate.set()
        for wait in waits[1:]:
            assert (await _bounded(wait))[run_id].status is RunStatus.COMPLETED
        assert engine._signals._watchers == {}


async def test_a_waiter_leaves_nothing_behind() -> None:
    async with engine_for(App()) as engine:
        for _ in range(3):
            await _bounded(engine.wait_for_runs([await start(engine)], timeout_s=LONG_S))
        await settle(engine)
        assert engine._signals._watchers == {}
        tasks = [repr(task.get_coro()) for task in asyncio.all_tasks()]
        assert not [task for task in tasks if "RunWatch" in task or "patience" in task or "_execute" in task]


async def test_waiters_are_released_when_the_process_is_about_to_stop() -> None:
    app = App()
    app.gate.clear()
    async with engine_for(app) as engine:
        run_id = await start(engine)
        waiting = asyncio.create_task(engine.wait_for_runs([run_id], timeout_s=LONG_S))
        await app.called(1)
        engine.release_waiters()
        assert (await _bounded(waiting))[run_id].status is RunStatus.RUNNING
        views = await _bounded(engine.wait_for_runs([run_id], timeout_s=LONG_S))
        assert views[run_id].status is RunStatus.RUNNING
        app.gate.set()


async def test_work_that_changes_between_two_waits_is_not_missed() -> None:
    signals = Signals()
    signals.work_changed()
    await _bounded(signals.wait_for_work())
    waiting = asyncio.create_task(signals.wait_for_work())
    await asyncio.sleep(0)
    assert not waiting.done()
    signals.work_changed()
    signals.work_changed()
    await _bounded(waiting)


async def test_a_wait_that_is_cancelled_takes_no_signal_with_it() -> None:
    signals = Signals()
    waiting = asyncio.create_task(signals.wait_for_work())
    await asyncio.sleep(0)
    signals.work_changed()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await _bounded(signals.wait_for_work())


async def test_nothing_to_do_does_not_count_while_something_has_changed() -> None:
    signals = Signals()
    settled = asyncio.create_task(signals.settled())
    await asyncio.sleep(0)
    signals.nothing_to_do()
    await asyncio.sleep(0)
    assert not settled.done()
    await signals.wait_for_work()
    signals.nothing_to_do()
    await _bounded(settled)
