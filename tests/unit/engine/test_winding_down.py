"""Stopping with grace: open calls may end, nothing new is called, who waits is answered, reports count."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted_app import PATIENCE_S, App, engine_for, opcodes, registration, result, settle, start, step_run

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent, RunStatus
from durable_engine.errors import EngineClosedError
from durable_engine.model.op import StepRan, StepRef
from durable_engine.model.reply import Ops
from durable_engine.sdk.client import SDKClient

pytestmark = pytest.mark.anyio


async def _two_steps(body: dict[str, Any]) -> httpx.Response:
    done = len(body["steps"])
    return opcodes(step_run(f"s{done}", done)) if done < 2 else result("end")


async def _open(app: App, path: Path, clock: ManualClock) -> Engine:
    config = EngineConfig(data_file=path, discovers=False)
    engine = await Engine.open(config, clock=clock, client=SDKClient(app))
    await engine.register_app(registration("job"))
    return engine


async def test_an_answer_within_the_grace_counts_and_the_next_start_makes_the_next_call(
    tmp_path: Path,
) -> None:
    app, clock = App(_two_steps), ManualClock()
    app.gate.clear()
    engine = await _open(app, tmp_path / "engine.db", clock)
    run_id = await start(engine)
    await app.called(1)
    assert engine.open_calls == 1
    waiting = asyncio.create_task(engine.wait_for_runs([run_id], timeout_s=50))
    stopping = asyncio.create_task(engine.wind_down(1_000))
    async with asyncio.timeout(PATIENCE_S):
        view = (await waiting)[run_id]  # who waits is answered while the call is still open
        assert (view.status, view.is_engine_stopping) == (RunStatus.RUNNING, True)
        later = await start(engine)  # an event is taken, and calls nobody
        app.gate.set()
        await stopping  # without that any time passes
    assert engine.open_calls == 0
    assert len(app.bodies) == 1
    await engine.close()
    with pytest.raises(EngineClosedError):
        await engine.send_event(NewEvent(name="t/job", data={}))

    again = App(_two_steps)
    async with engine_for(again, data_file=tmp_path / "engine.db") as engine:
        await settle(engine)
        for known in (run_id, later):
            assert (await engine.get_run(known)).output == "end"
    assert len(app.bodies) + len(again.bodies) == 2 * 3  # no call was made twice


async def test_when_the_grace_is_over_calls_are_handed_back_and_count_as_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durable_engine.engine._DRAIN_S", 0)
    app, clock = App(_two_steps), ManualClock()
    app.gate.clear()
    engine = await _open(app, tmp_path / "engine.db", clock)
    run_id = await start(engine)
    await app.called(1)
    stopping = asyncio.create_task(engine.wind_down(3))
    async with asyncio.timeout(PATIENCE_S):
        await clock.somebody_waits()
        await clock.advance(3)
        await stopping
    assert engine.open_calls == 1
    await engine.close()
    assert app.open == 0

    again = App(_two_steps)
    async with engine_for(
        again, data_file=tmp_path / "engine.db", clock=ManualClock(clock.now_ms())
    ) as engine:
        await settle(engine)  # at once: no time has to pass
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED
    assert [body["ctx"]["attempt"] for body in again.bodies] == [0, 0, 0]


async def test_steps_that_an_app_reports_during_the_grace_are_kept(tmp_path: Path) -> None:
    app = App(_two_steps)
    app.gate.clear()
    engine = await _open(app, tmp_path / "engine.db", ManualClock())
    run_id = await start(engine)
    await app.called(1)
    stopping = asyncio.create_task(engine.wind_down(1_000))
    await asyncio.sleep(0)
    step = StepRan(step=StepRef(id="hash-s0", name="s0"), data=0)
    item_ref = app.bodies[0]["ctx"]["qi_id"]
    await engine.control.checkpoint(run_id, item_ref=item_ref, reply=Ops(ops=(step,)))
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await engine.close()

    again = App(_two_steps)
    async with engine_for(again, data_file=tmp_path / "engine.db") as engine:
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED
    assert [len(body["steps"]) for body in again.bodies] == [1, 2]
