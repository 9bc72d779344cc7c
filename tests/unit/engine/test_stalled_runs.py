"""No run hangs silently: what has nothing left to do is called again, and fails when that does not help."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from engine_tables import World, a_function
from scripted_app import App, engine_for, settle, start

from durable_engine import ManualClock, executor
from durable_engine.errors import StaleCallError
from durable_engine.executor import Executor
from durable_engine.model.history import HistoryKind
from durable_engine.model.op import Gateway, StepRan, StepRef, WaitForSignal
from durable_engine.model.reply import Ops
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.sdk.opcodes import read_ops
from durable_engine.settle import Settled, repair_stalled

anyio = pytest.mark.anyio


def _lose_work(world: World, run_id: str) -> None:
    with world.transaction():
        world.connection.execute("DELETE FROM queue_item WHERE run_id = ?", (run_id,))
        world.connection.execute("DELETE FROM pause WHERE run_id = ?", (run_id,))


def _repair(world: World, run_id: str) -> Settled:
    settled = Settled()
    with world.transaction():
        repair_stalled(world.tables, world.registry, [run_id], settled, now_ms=world.now_ms)
    return settled


def test_a_run_that_lost_its_work_is_called_again_once_and_then_fails_with_the_reason() -> None:
    world = World()
    run_id = world.start()
    world.take_one()
    _lose_work(world, run_id)

    assert _repair(world, run_id).ended == []
    assert world.take_one().call is not None
    assert world.tables.history.has(run_id, HistoryKind.RUN_REPAIRED)

    _lose_work(world, run_id)
    assert _repair(world, run_id).ended == [run_id]
    run = world.run(run_id)
    assert run.status is RunStatus.FAILED
    assert "StalledRunError" in (run.error or "")
    assert world.finished_events(run_id) == 1


def test_a_run_that_waits_or_has_ended_is_left_alone() -> None:
    world = World(a_function(finish_timeout_ms=60_000))
    run_id = world.start()
    work = world.take_one()
    wait = WaitForSignal(step=StepRef(id="w", name="w"), signal="s", timeout="1h")
    world.answer(work, Ops(ops=(wait,)))
    assert _repair(world, run_id).ended == []
    world.cancel(run_id)
    assert _repair(world, run_id).ended == []
    assert not world.tables.history.has(run_id, HistoryKind.RUN_REPAIRED)


def test_a_deadline_alone_is_no_work() -> None:
    world = World(a_function(finish_timeout_ms=60_000))
    run_id = world.start()
    world.take_one()
    with world.transaction():
        world.connection.execute("DELETE FROM queue_item WHERE kind != 'deadline'")
    _repair(world, run_id)
    assert world.tables.history.has(run_id, HistoryKind.RUN_REPAIRED)


@anyio
async def test_a_stalled_run_is_repaired_in_the_transaction_that_stalls_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    async with engine_for(app, may_repair=True) as engine:
        commit = Executor._commit_answer
        broken: list[str] = []

        async def forgets(self: Executor, item: object, reply: object, **more: object) -> object:
            if broken:
                return await commit(self, item, reply, **more)  # type: ignore[arg-type]
            broken.append("once")

            def lose(tables: object, registry: object, *, now_ms: int) -> Settled:
                tables.queue.close_run(item.run_id)  # type: ignore[attr-defined]
                return Settled()

            return await self._commit(item, lose)  # type: ignore[arg-type]

        monkeypatch.setattr(Executor, "_commit_answer", forgets)
        run_id = await start(engine)
        await settle(engine)
        assert (await engine.get_run(run_id)).output == "done"
        assert len(app.bodies) == 2
        assert "nothing left to do" in caplog.text


@anyio
async def test_a_run_that_a_data_file_left_without_work_is_repaired_when_the_engine_opens(
    tmp_path: Path,
) -> None:
    data_file = tmp_path / "engine.db"
    app = App()
    app.gate.clear()
    async with engine_for(app, data_file=data_file, may_repair=True) as engine:
        run_id = await start(engine)
        await app.called(1)
    app.gate.set()
    with closing(sqlite3.connect(data_file)) as connection, connection:
        connection.execute("DELETE FROM queue_item")
    async with engine_for(app, data_file=data_file, may_repair=True) as engine:
        await settle(engine)
        assert (await engine.get_run(run_id)).output == "done"


def test_a_checkpoint_keeps_steps_and_counts_only_while_its_call_does() -> None:
    world = World()
    run_id = world.start()
    work = world.take_one()
    ran = StepRan(step=StepRef(id="a", name="a"), data=1, duration_ms=0)
    world.now_ms += 5
    world.checkpoint(run_id, work.item.ref, Ops(ops=(ran,)))
    world.checkpoint(run_id, work.item.ref, Ops(ops=(ran,)))
    assert world.steps(run_id)["a"].status is StepStatus.COMPLETED
    assert world.steps(run_id)["a"].started_ms == world.now_ms
    assert len(world.queue(run_id)) == 1

    for ref in ("", "x", "1", f"{work.item.id}.{work.item.lease + 1}", f"{work.item.id + 1}.1", "1.1.1"):
        with pytest.raises(StaleCallError):
            world.checkpoint(run_id, ref, Ops(ops=(ran,)))
    with pytest.raises(StaleCallError):
        world.checkpoint("another", work.item.ref, Ops(ops=(ran,)))
    world.crash()
    with pytest.raises(StaleCallError):
        world.checkpoint(run_id, work.item.ref, Ops(ops=(ran,)))


def test_a_step_that_throws_nothing_counts_as_null_in_a_checkpoint() -> None:
    world = World()
    run_id = world.start()
    work = world.take_one()
    ops = read_ops([{"op": "StepError", "id": "a", "data": None}, {"op": "DeferAdd", "id": "d"}])
    world.checkpoint(run_id, work.item.ref, Ops(ops=ops))
    assert world.steps(run_id)["a"].memo == '{"data":null}'


def test_a_request_that_the_engine_sends_leaves_no_keys_behind() -> None:
    world = World()
    run_id = world.start()
    secret = {"url": "http://127.0.0.1/?key=s3cret", "auth_key": "s3cret", "format": "openai-chat"}
    step = StepRef(id="g", name="g")
    world.answer(world.take_one(), Ops(ops=(Gateway(step=step, kind=StepKind.AI_GATEWAY, request=secret),)))
    work = world.take_one()
    assert work.gateway is not None
    assert "s3cret" in (work.gateway.detail or "")
    assert "s3cret" not in (work.gateway.input or "")
    answer = StepRan(step=step, data={"ok": True}, kind=StepKind.AI_GATEWAY)
    world.answer(work, Ops(ops=(answer,)))
    stored = [str(tuple(row)) for row in world.connection.execute("SELECT * FROM step")]
    assert "s3cret" not in "".join(stored)
    assert world.steps(run_id)["g"].status is StepStatus.COMPLETED


@anyio
async def test_an_item_that_can_neither_be_done_nor_given_up_is_tried_again_every_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app, clock = App(), ManualClock()
    commit, faults = executor.commit_answer, 2 * ["answer", "answer", "giving up", "giving up"]

    def breaks(*args: Any, **named: Any) -> Settled:
        if faults:
            raise RuntimeError(faults.pop(0))
        return commit(*args, **named)

    monkeypatch.setattr(executor, "commit_answer", breaks)
    async with engine_for(app, clock=clock) as engine:
        run_id = await start(engine)
        await settle(engine)
        for _ in range(2):
            assert (await engine.get_run(run_id)).status is RunStatus.RUNNING
            await clock.advance(60)
            await settle(engine)
        assert (await engine.get_run(run_id)).output == "done"
        assert caplog.text.count("trying again in a minute") == 2
        assert len(app.bodies) == 3


@anyio
async def test_a_run_whose_first_call_cannot_be_made_fails_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise RuntimeError("cannot be loaded")

    monkeypatch.setattr(executor, "_load_work", breaks)
    async with engine_for(App()) as engine:
        run_id = await start(engine)
        await settle(engine)
        run = await engine.get_run(run_id)
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "InternalEngineError"
