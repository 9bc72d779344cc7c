"""The state table, and that SQL repeats it."""

from __future__ import annotations

import sqlite3
from itertools import product

import pytest
from engine_tables import World, a_function, an_event, ref

from durable_engine.errors import IllegalTransitionError
from durable_engine.model.changes import Changes, RunEnd
from durable_engine.model.run import Run
from durable_engine.model.status import (
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    RunStatus,
    StepKind,
    StepStatus,
    check_run_transition,
)
from durable_engine.model.step import Step

_MEMOIZED = {StepStatus.COMPLETED, StepStatus.FAILED}
_ENDED_RUNS = [status for status in RunStatus if status.is_terminal]
_ENDED_STEPS = [status for status in StepStatus if status.is_terminal]


def _run_in(world: World, status: RunStatus, run_id: str = "run-1") -> Run:
    run = Run(
        id=run_id,
        function_id=a_function().id,
        event_id=f"event-of-{run_id}",
        status=status,
        queued_ms=world.now_ms,
        started_ms=None if status is RunStatus.QUEUED else world.now_ms,
        ended_ms=world.now_ms if status.is_terminal else None,
    )
    event = an_event()
    world.connection.execute(
        "INSERT INTO event (id, name, payload, ts_ms, received_ms, source) VALUES (?, ?, '{}', 0, 0, 'api')",
        (run.event_id, event.name),
    )
    world.tables.runs.insert(run)
    return run


def _step_in(status: StepStatus) -> Step:
    memo = "null" if status in _MEMOIZED else None
    return Step(ref=ref("a"), kind=StepKind.RUN, status=status, queued_ms=1, memo=memo)


@pytest.mark.parametrize("status", RunStatus)
def test_the_run_table_takes_every_status_of_the_state_table(status: RunStatus) -> None:
    world = World()
    _run_in(world, status)
    assert world.run("run-1").status is status


@pytest.mark.parametrize("status", StepStatus)
def test_the_step_table_takes_every_status_of_the_state_table(status: StepStatus) -> None:
    world = World()
    _run_in(world, RunStatus.RUNNING)
    world.tables.steps.save("run-1", _step_in(status))
    (step,) = world.tables.steps.all("run-1")
    assert step.status is status


@pytest.mark.parametrize("table", ["run", "step"])
def test_a_status_that_the_state_table_does_not_know_is_refused_by_sql(table: str) -> None:
    world = World()
    _run_in(world, RunStatus.RUNNING)
    world.tables.steps.save("run-1", _step_in(StepStatus.QUEUED))
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        world.connection.execute(f"UPDATE {table} SET status = 'PAUSED'")  # noqa: S608 - two fixed names


@pytest.mark.parametrize("status", RunStatus)
def test_sql_wants_an_end_time_exactly_for_ended_runs(status: RunStatus) -> None:
    world = World()
    _run_in(world, status)
    wrong = None if status.is_terminal else world.now_ms
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        world.connection.execute("UPDATE run SET ended_ms = ?", (wrong,))


@pytest.mark.parametrize("status", StepStatus)
def test_sql_wants_a_memo_exactly_for_memoized_steps(status: StepStatus) -> None:
    world = World()
    _run_in(world, RunStatus.RUNNING)
    world.tables.steps.save("run-1", _step_in(status))
    wrong = None if status in _MEMOIZED else "null"
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        world.connection.execute("UPDATE step SET memo = ?", (wrong,))


@pytest.mark.parametrize(("before", "after"), list(product(RunStatus, RunStatus)))
def test_a_run_changes_only_along_the_state_table(before: RunStatus, after: RunStatus) -> None:
    if after in RUN_TRANSITIONS[before]:
        check_run_transition(before, after)
        return
    with pytest.raises(IllegalTransitionError, match=f"{before} to {after}"):
        check_run_transition(before, after)


@pytest.mark.parametrize(("before", "after"), list(product(_ENDED_RUNS, RunStatus)))
def test_an_ended_run_never_changes_in_sql(before: RunStatus, after: RunStatus) -> None:
    world = World()
    run = _run_in(world, before)
    assert not world.tables.runs.start(run.id, now_ms=world.now_ms)
    if after.is_terminal:
        assert not world.tables.runs.end(RunEnd(run=run, status=after, ended_ms=1, output="1"))
    assert world.run(run.id) == run


@pytest.mark.parametrize(("before", "after"), list(product(_ENDED_STEPS, StepStatus)))
def test_an_ended_step_never_changes_in_sql(before: StepStatus, after: StepStatus) -> None:
    world = World()
    _run_in(world, RunStatus.RUNNING)
    world.tables.steps.save("run-1", _step_in(before))
    world.tables.steps.save("run-1", _step_in(after))
    world.tables.steps.mark_calling("run-1", "hash-a", now_ms=1)
    world.tables.steps.abandon_open("run-1", now_ms=1)
    (step,) = world.tables.steps.all("run-1")
    assert step.status is before


def test_every_status_has_its_row_in_the_state_table_and_terminal_ones_lead_nowhere() -> None:
    assert set(RUN_TRANSITIONS) == set(RunStatus)
    assert set(STEP_TRANSITIONS) == set(StepStatus)
    assert {status for status in RunStatus if status.is_terminal} == {
        RunStatus.COMPLETED,
        RunStatus.FAILED,
        RunStatus.CANCELLED,
    }
    assert {status for status in StepStatus if status.is_terminal} == _MEMOIZED | {StepStatus.CANCELLED}


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED])
def test_the_end_of_a_run_takes_its_work_its_waits_and_its_open_steps_with_it(status: RunStatus) -> None:
    world = World()
    run_id = world.start()
    world.take_one()
    world.tables.steps.save(run_id, _step_in(StepStatus.WAITING))
    with world.transaction():
        end = RunEnd(run=world.run(run_id), status=status, ended_ms=world.now_ms)
        world.tables.apply(Changes(ends=[end]))
    assert world.queue(run_id) == []
    assert world.orphans() == []
    assert world.steps(run_id)["a"].status is StepStatus.CANCELLED
