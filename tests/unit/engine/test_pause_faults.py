"""A crash in the middle of a pause or a resume leaves no half of it behind."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted_app import App, engine_for, opcodes, settle, sleep, start

from durable_engine import Engine, ManualClock, RunStatus

pytestmark = pytest.mark.anyio

EIGHT_DAYS_S = 8 * 86_400


async def _sleeps(_body: dict[str, Any]) -> httpx.Response:
    return opcodes(sleep("nap", "30d"))


def _dies_at_its_next_change(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def commit(*_: object) -> None:
        raise ConnectionAbortedError

    monkeypatch.setattr(engine._transactions, "commit", commit)


async def _after_eight_days(run_id: str, data_file: Path, clock: ManualClock) -> RunStatus:
    async with engine_for(App(_sleeps), data_file=data_file, clock=clock) as engine:
        await clock.advance(EIGHT_DAYS_S)
        await settle(engine)
        return (await engine.get_run(run_id)).status


async def test_a_pause_ends_after_seven_days_although_the_engine_died_while_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, data_file = ManualClock(), tmp_path / "data.db"
    async with engine_for(App(_sleeps), data_file=data_file, clock=clock) as engine:
        run_id = await start(engine)
        await settle(engine)
        _dies_at_its_next_change(engine, monkeypatch)
        with suppress(ConnectionAbortedError):
            await engine.pause_function("job")
    assert await _after_eight_days(run_id, data_file, clock) is RunStatus.CANCELLED


async def test_nothing_is_cancelled_after_a_resume_although_the_engine_died_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, data_file = ManualClock(), tmp_path / "data.db"
    async with engine_for(App(_sleeps), data_file=data_file, clock=clock) as engine:
        run_id = await start(engine)
        await settle(engine)
        await engine.pause_function("job")
        _dies_at_its_next_change(engine, monkeypatch)
        with suppress(ConnectionAbortedError):
            await engine.resume_function("job")
    assert await _after_eight_days(run_id, data_file, clock) is RunStatus.RUNNING


async def test_the_end_of_a_pause_wakes_an_engine_that_waits_for_nothing_else() -> None:
    clock = ManualClock()
    async with engine_for(App(_sleeps), clock=clock) as engine:
        run_id = await start(engine)
        await settle(engine)
        await engine.pause_function("job")
        await settle(engine)
        await clock.advance(EIGHT_DAYS_S)
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.CANCELLED
