"""Observers are told of each commit that changes a run, and of functions, until they leave."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import httpx
import pytest
from engine_tables import World, ref
from scripted_app import URL, App, engine_for, opcodes, registration, result, settle, sleep, start, step_run

from durable_engine import ManualClock
from durable_engine.model.op import StepRan
from durable_engine.model.reply import Ops

pytestmark = pytest.mark.anyio


class Diary:
    def __init__(self) -> None:
        self.entries: list[Any] = []

    def runs_changed(self, run_ids: Collection[str]) -> None:
        self.entries.append(set(run_ids))

    def functions_changed(self) -> None:
        self.entries.append("functions")

    def state_replaced(self) -> None:
        self.entries.append("state")

    def stopping(self) -> None:
        self.entries.append("stopping")

    def take(self) -> list[Any]:
        entries, self.entries = self.entries, []
        return entries


async def test_each_commit_of_a_run_is_told_once_it_is_visible() -> None:
    async def handle(body: dict[str, Any]) -> httpx.Response:
        return result() if len(body["steps"]) == 2 else opcodes(step_run("a"), sleep("nap", "1h"))

    clock, diary = ManualClock(), Diary()
    async with engine_for(App(handle), clock=clock) as engine:
        engine.observe(diary)
        run_id = await start(engine)
        assert diary.take()[0] == {run_id}
        await settle(engine)
        assert {run_id} in diary.take()
        await clock.advance(3_600)
        await settle(engine)
        assert set(map(frozenset, diary.take())) == {frozenset({run_id})}
        assert (await engine.get_run(run_id)).status == "COMPLETED"


async def test_a_cancelled_run_and_a_remark_are_told_of() -> None:
    async def handle(body: dict[str, Any]) -> httpx.Response:
        return opcodes(sleep("nap", "1h"))

    diary = Diary()
    async with engine_for(App(handle)) as engine:
        run_id = await start(engine)
        await settle(engine)
        engine.observe(diary)
        await engine.control.note(run_id, "a remark")
        assert diary.take() == [{run_id}]
        await engine.control.cancel(run_id)
        assert diary.take()[0] == {run_id}


async def test_functions_are_told_of_only_when_they_are_otherwise() -> None:
    diary = Diary()
    async with engine_for(App()) as engine:
        engine.observe(diary)
        await engine.register_app(registration("job"))
        assert diary.take() == []
        await engine.register_app(registration("job", "more"))
        assert diary.take() == ["functions"]
        await engine.pause_function("lab-more")
        await engine.remove_app(URL)
        assert diary.take() == ["functions", "functions"]


async def test_a_replaced_state_and_the_end_are_told_of_and_who_has_left_is_not_told() -> None:
    diary, gone = Diary(), Diary()
    async with engine_for(App()) as engine:
        engine.observe(diary)
        engine.observe(gone)()
        await engine.snapshots.reset()
        engine.release_waiters()
        assert "state" in diary.entries
        assert diary.entries[-1] == "stopping"
    assert gone.entries == []


def test_a_checkpoint_changes_its_run() -> None:
    world = World()
    run_id = world.start()
    item = world.take_one().item
    settled = world.checkpoint(run_id, item.ref, Ops(ops=(StepRan(step=ref("a"), data=1),), sdk_version=2))
    assert settled.changed == {run_id}
