"""What is collected for an explanation, and what is said of it, in whatever state runs and events are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_tables import World, a_function
from hypothesis import given, settings
from hypothesis import strategies as st
from run_drive import CHILD, ENDS, MOVES, Drive, drive_of, flows, functions
from scripted_function import Scripted

from durable_engine import slots
from durable_engine.explain.events import explain_event
from durable_engine.explain.runs import explain_run
from durable_engine.fact_finding import FactFinding
from durable_engine.model.explanation import Cause, Explanation
from durable_engine.model.flow import FlowControl
from durable_engine.model.reply import Returned

WHILE_OPEN = {
    Cause.SLEEPING,
    Cause.WAITING_FOR_EVENT,
    Cause.EVENT_NEVER_SEEN,
    Cause.EVENT_NOT_MATCHED,
    Cause.WAITING_FOR_SIGNAL,
    Cause.WAITING_FOR_RUN,
    Cause.QUEUED_FOR_LATER,
    Cause.RETRYING_STEP,
    Cause.RETRYING_FUNCTION,
    Cause.APP_UNREACHABLE,
    Cause.HELD_BY_CONCURRENCY,
    Cause.HELD_BY_THROTTLE,
    Cause.WAITING_FOR_SLOT,
    Cause.CALL_IN_FLIGHT,
    Cause.CALL_DUE,
}


def _finding(world: World) -> FactFinding:
    return FactFinding(world.tables, world.registry, (), now_ms=world.now_ms)


def _explained(world: World, run_id: str) -> Explanation:
    return explain_run(_finding(world).about_run(world.run(run_id)))


def test_a_call_that_is_due_and_not_made_yet_is_told_apart_from_one_that_is_open() -> None:
    world = World()
    run_id = world.start()
    due = _explained(world, run_id)
    world.take_one()
    taken = _explained(world, run_id)

    assert due.cause == "call-due"
    assert due.message == "Its first call is due and is about to be made."
    assert due.happens_next.at_ms == world.now_ms
    assert taken.cause == "call-in-flight"
    assert taken.happens_next.at_ms is None


@pytest.mark.parametrize("priority", [None, "0"], ids=["in the line of its app", "in a lane"])
def test_a_call_for_which_no_slot_is_free_is_told_with_the_apps_that_have_them(
    monkeypatch: pytest.MonkeyPatch, priority: str | None
) -> None:
    monkeypatch.setattr(slots, "MAX_OPEN_CALLS", 3)
    monkeypatch.setattr(slots, "MAX_OWN_CALLS", 1)
    flow = FlowControl(priority=priority)
    world = World(a_function("job", flow=flow), replace(a_function("theirs", flow=flow), app_name="other"))
    runs = [world.start("t/job") for _ in range(5)]
    world.take()
    theirs = [world.start("t/theirs") for _ in range(2)]
    open_call = world.take_one()
    told, last, other = (_explained(world, run_id) for run_id in (runs[3], runs[4], theirs[1]))

    assert told.cause == last.cause == other.cause == "waiting-for-slot"
    assert told.message == (
        "Its next call is due and waits for a free slot: Stepcue has as many calls open as it makes at once."
    )
    assert "at once; 1 of its " in last.message
    for found in (told, other):
        assert [fact.text for fact in found.evidence if fact.kind == "app"] == [
            "app 'lab' has 3 open calls",
            "app 'other' has 1 open call",
        ]
        assert [fact.run_id for fact in found.evidence if fact.kind == "holder"] == runs[:3]
        assert found.what_to_do[0].run_id == runs[0]
        assert "app 'lab' hang, restart it" in found.what_to_do[-1].text
    assert told.run is not None
    assert [wait.kind for wait in told.run.waiting_for] == ["slot"]

    for run_id in [*runs[:3], theirs[0]]:
        world.cancel(run_id)
    (fact,) = _explained(world, theirs[1]).evidence
    assert "of runs that were cancelled" in fact.text

    world.answer(open_call, Returned(data=1))
    world.take_one()
    assert _explained(world, theirs[1]).cause == "call-in-flight"


def _explain_all(drive: Drive) -> None:
    world = drive.world
    for run_id in drive.runs():
        found = _explained(world, run_id)
        assert (found.cause in WHILE_OPEN) is not world.run(run_id).status.is_terminal, found
        assert (found.cause is Cause.CALL_IN_FLIGHT) is world.tables.queue.is_called(run_id), found
        assert found.message.endswith(".")
        assert "\n" not in found.message
        assert found.docs
        assert found.happens_next.is_by_itself or found.what_to_do or world.ended(run_id)
    for (event_id,) in world.connection.execute("SELECT id FROM event").fetchall():
        event = world.tables.events.get(event_id)
        told = explain_event(_finding(world).about_event(event))
        assert len(told.started) == len(world.tables.runs.of_event(event_id))
        for run_id in told.cancelled:
            assert world.ended(run_id)


@settings(deadline=None, max_examples=60)
@given(
    script=functions(races=True),
    moves=st.lists(st.tuples(st.sampled_from([*MOVES, *ENDS]), st.integers(0, 9)), max_size=30),
    checkpoints=st.booleans(),
    flow=flows,
)
def test_every_run_and_event_has_an_explanation_that_fits_its_state_at_any_time(
    script: Scripted, moves: list[tuple[str, int]], *, checkpoints: bool, flow: FlowControl
) -> None:
    version = script.version = 2 if checkpoints else script.version
    drive = drive_of(script, Scripted(CHILD, version=version), checkpoints=checkpoints, flow=flow)
    for move, pick in moves:
        drive.move(move, pick)
        _explain_all(drive)
    drive.finish()
    _explain_all(drive)
    drive.world.connection.close()
