"""Calls of an engine that go a few at a time: what is on record of those that waited for that."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from scripted_app import App, engine_for, opcodes, result, settle, start, step_run

from durable_engine import ManualClock, pacing
from durable_engine.pacing import MOST_YOUNG

pytestmark = pytest.mark.anyio


async def test_a_step_began_when_its_call_was_sent_not_when_it_was_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(body: dict[str, Any]) -> httpx.Response:
        return result() if body["steps"] else opcodes(step_run("one"))

    monkeypatch.setattr(pacing, "YOUNG_S", 3_600)
    app, clock = App(answer), ManualClock()
    app.gate.clear()
    async with engine_for(app, clock=clock) as engine:
        began_ms = clock.now_ms()
        runs = [await start(engine) for _ in range(MOST_YOUNG + 1)]
        await app.called(MOST_YOUNG)
        await engine._dispatcher.run_once()  # the last one is taken, too
        await clock.advance(10)
        app.gate.set()
        await settle(engine)
        views = [await engine.get_run(run_id) for run_id in runs]
    began = [(step.started_ms or 0) - began_ms for view in views for step in view.steps]
    assert sorted(began) == [0] * MOST_YOUNG + [10_000]
