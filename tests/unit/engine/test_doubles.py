"""Doubles below the dispatcher: what they cost, what open calls keep, and how much is kept on record."""

from __future__ import annotations

import pytest
from doubled_drive import DoubledDrive, Telling, drive_with
from engine_tables import World, a_function, ref
from scripted_function import Part

from durable_engine.double_uses import uses_in
from durable_engine.doubles import calls
from durable_engine.model.double import (
    Fault,
    FaultKind,
    MockError,
    MockEvent,
    MockResult,
    MockTimeout,
    NewDouble,
    Outcome,
    outcome_json,
    read_outcome,
)
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import parse_json, to_json
from durable_engine.model.op import StepPlanned, StepRan, StepRef
from durable_engine.model.queue_item import ItemKind, QueueItem
from durable_engine.model.reply import Ops, Returned


def _steps(drive: DoubledDrive) -> dict[str, str | None]:
    return {name: step.memo for name, step in drive.world.steps(drive.root).items()}


def _drive(*outcomes: Outcome, parts: int = 2, times: int | None = None) -> DoubledDrive:
    stage = [Part(f"s{number}") for number in range(parts)]
    doubles = [NewDouble(step=part.name, outcomes=outcomes, times=times) for part in stage]
    return drive_with(Telling([stage]), doubles, checkpoints=False)


def test_without_any_double_no_call_costs_a_query_for_them() -> None:
    world = World(a_function())
    world.start()
    asked: list[str] = []
    world.connection.set_trace_callback(lambda sql: asked.append(sql) if "double" in sql else None)
    for number in range(5):
        ran = StepRan(step=ref(f"s{number}"), data=number)
        world.answer(world.take_one(), Ops(ops=(ran,), sdk_version=2))
    world.answer(world.take_one(), Returned(data=None))
    world.connection.set_trace_callback(None)
    assert asked == ['SELECT 1 FROM "double" LIMIT 1']


def test_calls_that_are_open_take_different_places_and_a_crash_sets_them_free() -> None:
    double = NewDouble(step="item", outcomes=(MockResult(data="x"), MockResult(data="y")), times=2)
    drive = drive_with(Telling([[Part("only")]]), [double], checkpoints=False)
    world = drive.world
    discovery = world.take_one()
    refs = [StepRef(id=f"hash-item-{number}", name="item", index=number) for number in range(3)]
    plans = [StepPlanned(step=one) for one in refs]
    world.answer(discovery, Ops(ops=tuple(plans), sdk_version=2))
    for _ in range(2):  # the same after a crash: nothing has been used up
        works = world.take()
        outcomes = [None if work.double is None else work.double.outcome for work in works]
        assert outcomes == [MockResult(data="x"), MockResult(data="y"), None]
        world.crash()
    assert [double.uses for double in drive.doubles()] == [0]


def test_an_answer_that_comes_too_late_uses_nothing_up() -> None:
    drive = _drive(MockResult(data=1), parts=1)
    drive.take()
    drive.answer("answer", 0)
    drive.take()
    drive.world.cancel(drive.root)
    drive.answer("answer", 0)
    assert [double.uses for double in drive.doubles()] == [0]


def test_what_is_kept_of_a_use_is_bounded() -> None:
    drive = _drive(Fault(kind=FaultKind.REPLY_LOST), parts=1, times=1)
    script = drive.scripts["lab-job"]
    large = "x" * 100_000
    script._attempt = lambda step, *_, **__: StepRan(step=step, data=large)  # type: ignore[method-assign]
    drive.finish()
    (use,) = uses_in(drive.world.tables.history.of_run(drive.root))
    assert len(use.deliveries[0].text) < 1_100
    assert parse_json(_steps(drive)["s0"] or "")["data"] == large


def test_outcomes_are_read_as_they_were_written() -> None:
    outcomes: list[Outcome] = [
        MockResult(data={"a": [None, 1.5, "é"]}),
        MockError(message="m", name="N", is_retriable=False, data=[1]),
        MockEvent(data={"n": 1}, name="e", id="i", ts_ms=5),
        MockTimeout(),
        *(Fault(kind=kind, delay_ms=7) for kind in FaultKind),
    ]
    for outcome in outcomes:
        assert read_outcome(parse_json(to_json(outcome_json(outcome)))) == outcome


def test_slow_replies_are_kept_up_to_a_number_and_a_size_and_the_newest_always(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "MOST_LATE", 4)
    monkeypatch.setattr(calls, "MOST_LATE_CHARS", 100)
    kept, use = calls.StandIns(), HistoryEntry(run_id="r", at_ms=0, kind=HistoryKind.RUN_STARTED)

    def keep(item_id: int, size: int) -> list[int]:
        item = QueueItem(
            id=item_id, run_id="r", kind=ItemKind.STEP, due_ms=0, step_id="s", attempt=0, lease=1
        )
        kept._keep(item, calls._Late(use, Ops(ops=()), size))
        return list(kept._late)

    assert [keep(item_id, 10) for item_id in range(6)][-1] == [2, 3, 4, 5]
    assert keep(6, 75) == [4, 5, 6]
    assert keep(7, 1_000) == [7]
    assert keep(8, 1) == [8]
