"""Whatever the order of answers, losses, crashes and events: runs end once, steps keep their first result.

The function is scripted, the engine is the real one on in-memory tables, below the dispatcher.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from run_drive import CHILD, ENDS, MOVES, RETRIES, Drive, drive_of, flows, functions
from scripted_function import Part, Scripted

from durable_engine.model.flow import NO_FLOW_CONTROL, FlowControl
from durable_engine.model.history import HistoryKind
from durable_engine.model.status import RunStatus

Moves = list[tuple[str, int]]


def _moves(*names: str, most: int) -> st.SearchStrategy[Moves]:
    """Return few moves, which is easier to read when one fails, or many: lists alone are short mostly."""
    move = st.tuples(st.sampled_from(names), st.integers(0, 9))
    return st.lists(move, max_size=most) | st.lists(move, min_size=most // 2, max_size=most)


def _play(script: Scripted, moves: Moves, *, checkpoints: bool, flow: FlowControl = NO_FLOW_CONTROL) -> Drive:
    version = 2 if checkpoints else script.version
    script.version = version
    drive = drive_of(script, Scripted(CHILD, version=version), checkpoints=checkpoints, flow=flow)
    for move, pick in moves:
        drive.move(move, pick)
    drive.finish()
    return drive


def _each_run_ended_once(drive: Drive) -> None:
    runs = drive.runs()
    assert set(drive.ends) == set(runs)
    assert [drive.world.finished_events(run_id) for run_id in runs] == [1] * len(runs)
    assert not any(drive.world.tables.history.has(run_id, HistoryKind.RUN_REPAIRED) for run_id in runs)
    drive.world.connection.close()


@settings(deadline=None, max_examples=60)
@given(script=functions(races=True), moves=_moves(*MOVES, most=60), checkpoints=st.booleans(), flow=flows)
def test_every_run_ends_exactly_once_and_no_memo_ever_changes(
    script: Scripted, moves: Moves, *, checkpoints: bool, flow: FlowControl
) -> None:
    _each_run_ended_once(_play(script, moves, checkpoints=checkpoints, flow=flow))


@settings(deadline=None, max_examples=60)
@given(
    script=functions(races=True), moves=_moves(*MOVES, *ENDS, most=60), checkpoints=st.booleans(), flow=flows
)
def test_a_cancelled_run_ends_exactly_once_too(
    script: Scripted, moves: Moves, *, checkpoints: bool, flow: FlowControl
) -> None:
    _each_run_ended_once(_play(script, moves, checkpoints=checkpoints, flow=flow))


@settings(deadline=None, max_examples=60)
@given(
    script=functions(),
    moves=_moves("take", "answer", "twice", most=40),
    checkpoints=st.booleans(),
    flow=flows,
)
def test_without_losses_no_step_body_runs_more_often_than_its_failures_ask_for(
    script: Scripted, moves: Moves, *, checkpoints: bool, flow: FlowControl
) -> None:
    drive = _play(script, moves, checkpoints=checkpoints, flow=flow)
    fails = {part.name: part.fails for stage in (*script.stages, *CHILD) for part in stage}
    for (_, name), count in (script.ran + drive.scripts["lab-kid"].ran).items():
        assert count <= min(fails[name], RETRIES) + 1
    if script.catches:
        assert set(drive.ends.values()) == {RunStatus.COMPLETED}
    drive.world.connection.close()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), _moves("take", "answer", "lose", "crash", "time", most=30))
def test_a_checkpointed_step_never_runs_again_although_the_answer_of_its_call_is_lost(
    length: int, moves: Moves
) -> None:
    stages = [[Part(f"s{number}")] for number in range(length)]
    drive = _play(Scripted(stages), moves, checkpoints=True)
    assert set(drive.scripts["lab-job"].ran.values()) == {1}
    drive.world.connection.close()
