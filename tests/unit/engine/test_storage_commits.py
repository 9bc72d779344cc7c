"""Transactions: what shares one, what undoes only itself, what a lost lease may write."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from engine_tables import World, a_function, an_app, an_event, ref

from durable_engine.model.changes import Changes
from durable_engine.model.event import Event
from durable_engine.model.op import Invoke, StepPlanned, StepRan, WaitForEvent
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.reply import Ops, Returned
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.step import Step
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables


@pytest.mark.anyio
@pytest.mark.parametrize("is_file", [True, False])
async def test_a_unit_that_fails_in_a_group_commit_undoes_only_itself(
    tmp_path: Path,
    is_file: bool,  # noqa: FBT001
) -> None:
    database = await Database.open(tmp_path / "engine.db" if is_file else None)
    gate = threading.Event()
    events = [an_event(f"t/{number}") for number in range(3)]

    def insert(event: Event) -> asyncio.Future[bool]:
        return asyncio.ensure_future(database.transact(lambda tables: tables.events.insert(event)))

    def insert_and_fail(tables: Tables) -> NoReturn:
        tables.events.insert(events[1])
        raise ValueError("after the insert")

    try:
        held = asyncio.ensure_future(database.transact(lambda _: gate.wait(5)))
        first = insert(events[0])
        failing = asyncio.ensure_future(database.transact(insert_and_fail))
        last = insert(events[2])
        await asyncio.sleep(0)
        gate.set()
        assert await held
        assert await first
        assert await last
        with pytest.raises(ValueError, match="after the insert"):
            await failing
        for event, is_there in zip(events, (True, False, True), strict=True):
            stored = await database.read(lambda tables, event=event: tables.events.find(event.id))
            assert (stored is not None) is is_there
    finally:
        gate.set()
        await database.close()


@pytest.mark.anyio
async def test_a_caller_that_went_away_does_not_disturb_the_others_of_its_group() -> None:
    database = await Database.open(None)
    gate = threading.Event()
    try:
        held = asyncio.ensure_future(database.transact(lambda _: gate.wait(5)))
        impatient = asyncio.ensure_future(database.transact(lambda tables: tables.events.insert(an_event())))
        patient = asyncio.ensure_future(database.transact(lambda tables: tables.events.insert(an_event())))
        await asyncio.sleep(0)
        impatient.cancel()
        gate.set()
        assert await held
        assert await patient
        assert impatient.cancelled()
    finally:
        gate.set()
        await database.close()


@pytest.mark.anyio
async def test_a_reader_sees_what_was_committed_before_it_asked(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "engine.db")
    for _ in range(50):
        event = an_event()
        await database.transact(lambda tables, event=event: tables.events.insert(event))
        assert await database.read(lambda tables, event=event: tables.events.find(event.id)) == event
    await database.close()


def _state(world: World) -> list[list[tuple[object, ...]]]:
    tables = ("event", "run", "step", "queue_item", "pause", "history")
    return [
        [tuple(row) for row in world.connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 - fixed names
        for table in tables
    ]


def test_an_answer_on_a_lost_lease_writes_nothing() -> None:
    world = World()
    world.start()
    lost = world.take_one()
    world.crash()
    before = _state(world)
    world.answer(lost, Returned(data="from before the crash"))
    assert _state(world) == before

    taken_again = world.take_one()
    assert taken_again.item.id == lost.item.id
    assert taken_again.item.lease == lost.item.lease + 1
    before = _state(world)
    world.answer(lost, Returned(data="from before the crash"))
    assert _state(world) == before

    world.answer(taken_again, Returned(data="mine"))
    assert world.run(taken_again.item.run_id).output == '"mine"'


def test_an_answer_that_comes_twice_counts_once() -> None:
    world = World()
    run_id = world.start()
    work = world.take_one()
    world.answer(work, Ops(ops=(StepRan(step=ref("a"), data=1),), sdk_version=2))
    before = _state(world)
    world.answer(work, Ops(ops=(StepRan(step=ref("a"), data=2),), sdk_version=2))
    world.answer(work, Returned(data="late"))
    assert _state(world) == before
    assert world.steps(run_id)["a"].memo == '{"data":1}'


def test_a_timer_on_a_lost_lease_fires_nothing() -> None:
    world = World()
    world.start()
    world.answer(
        world.take_one(),
        Ops(ops=(WaitForEvent(step=ref("w"), event_name="t/go", expression=None, timeout="1h"),)),
    )
    world.advance_to_next()
    lost = world.take_one()
    world.crash()
    before = _state(world)
    world.fire(lost)
    assert _state(world) == before


def test_an_answer_after_the_end_of_the_run_writes_nothing() -> None:
    world = World()
    run_id = world.start()
    planned = tuple(StepPlanned(step=ref(name)) for name in ("a", "b"))
    world.answer(world.take_one(), Ops(ops=planned, sdk_version=2))
    first, second = world.take()
    world.answer(first, Returned(data=None))
    world.answer(second, Ops(ops=(StepRan(step=ref("b"), data=1),)))
    world.answer(world.take_one(), Returned(data="end"))
    assert world.run(run_id).status is RunStatus.COMPLETED
    before = _state(world)
    world.answer(second, Ops(ops=(StepRan(step=ref("b"), data=2),)))
    assert _state(world) == before


def _step(status: StepStatus, memo: str | None, name: str = "a") -> Step:
    return Step(ref=ref(name), kind=StepKind.RUN, status=status, queued_ms=1, memo=memo)


def test_the_first_result_of_a_step_wins() -> None:
    world = World()
    run_id = world.start()
    steps = world.tables.steps
    steps.save(run_id, _step(StepStatus.RUNNING, None))
    steps.save(run_id, _step(StepStatus.COMPLETED, '{"data":1}'))
    steps.save(run_id, _step(StepStatus.COMPLETED, '{"data":2}'))
    steps.save(run_id, _step(StepStatus.FAILED, '{"error":{}}'))
    steps.save(run_id, _step(StepStatus.WAITING, None))
    assert steps.memos(run_id) == {"hash-a": '{"data":1}'}


def test_memos_are_in_the_order_in_which_the_steps_ended() -> None:
    world = World()
    run_id = world.start()
    for name in ("a", "b", "c"):
        world.tables.steps.save(run_id, _step(StepStatus.QUEUED, None, name))
    for name in ("c", "a", "b"):
        world.tables.steps.save(run_id, _step(StepStatus.COMPLETED, "null", name))
    assert list(world.tables.steps.memos(run_id)) == ["hash-c", "hash-a", "hash-b"]
    assert [step.ref.name for step in world.tables.steps.all(run_id)] == ["a", "b", "c"]
    assert [step.position for step in world.tables.steps.all(run_id)] == [2, 3, 1]


def test_more_steps_than_sqlite_takes_values_are_read_in_portions() -> None:
    world = World()
    run_id = world.start()
    for number in range(1_203):
        world.tables.steps.save(run_id, _step(StepStatus.QUEUED, None, str(number)))
    wanted = [f"hash-{number}" for number in range(2_000)]
    assert len(world.tables.steps.some(run_id, [*wanted, *wanted])) == 1_203
    assert world.tables.steps.get(run_id, "hash-1202") is not None
    assert world.tables.steps.get(run_id, "hash-1203") is None


def test_work_is_taken_in_due_order_once_each_and_never_early() -> None:
    world = World()
    runs = [world.start() for _ in range(3)]
    world.connection.execute("DELETE FROM queue_item")
    for offset, run_id in zip((2, 1, 3), runs, strict=True):
        world.tables.queue.insert(
            NewItem(run_id=run_id, kind=ItemKind.DISCOVER, due_ms=world.now_ms + offset)
        )
    assert world.take() == []
    assert world.tables.queue.next_due_ms() == world.now_ms + 1
    world.now_ms += 2
    assert [work.item.run_id for work in world.take()] == [runs[1], runs[0]]
    assert world.take() == []
    world.now_ms += 1
    assert [work.item.run_id for work in world.take()] == [runs[2]]
    assert world.tables.queue.next_due_ms() is None


def test_an_item_of_a_step_is_queued_once_per_kind() -> None:
    world = World()
    run_id = world.start()
    for _ in range(2):
        for kind in (ItemKind.STEP, ItemKind.TIMER):
            item = NewItem(run_id=run_id, kind=kind, due_ms=world.now_ms, step_id="s")
            world.tables.queue.insert(item)
    kinds = [item.kind for item in world.queue(run_id)]
    assert sorted(kinds) == [ItemKind.DISCOVER, ItemKind.STEP, ItemKind.TIMER]


def test_an_event_with_a_known_id_is_stored_once() -> None:
    world = World()
    event = an_event()
    assert world.tables.events.insert(event)
    assert not world.tables.events.insert(replace(event, name="other"))
    stored = world.tables.events.find(event.id)
    assert stored == event


def test_all_of_a_decision_is_written_or_nothing() -> None:
    world = World(a_function(), a_function("kid"))
    run_id = world.start()
    work = world.take_one()
    before = _state(world)
    world.connection.execute(
        "CREATE TRIGGER fault BEFORE INSERT ON pause BEGIN SELECT RAISE(FAIL, 'fault'); END"
    )
    invoke = Invoke(step=ref("i"), function="lab-kid", data={}, user={}, timeout=None)
    with pytest.raises(Exception, match="fault"):
        world.answer(work, Ops(ops=(invoke,)))
    assert _state(world) == before
    world.connection.execute("DROP TRIGGER fault")
    world.answer(work, Ops(ops=(invoke,)))
    assert world.tables.runs.children(run_id)


def test_empty_changes_write_nothing() -> None:
    world = World()
    world.tables.registry.save_app(an_app())
    before = world.connection.total_changes
    world.tables.apply(Changes())
    assert world.connection.total_changes == before
