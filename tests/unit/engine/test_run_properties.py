"""Whatever the order of answers, losses, crashes and events: runs end once, steps keep their first result.

The function is scripted, the engine is the real one on in-memory tables, below the dispatcher.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from run_drive import CHILD, MOVES, RETRIES, drive_of, functions
from scripted_function import Scripted

from durable_engine.model.status import RunStatus


@settings(deadline=None, max_examples=120)
@given(functions(races=True), st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 9)), max_size=60))
def test_every_run_ends_exactly_once_and_no_memo_ever_changes(
    script: Scripted, moves: list[tuple[str, int]]
) -> None:
    drive = drive_of(script, Scripted(CHILD, version=script.version))
    for move, pick in moves:
        drive.move(move, pick)
    drive.finish()
    runs = [row[0] for row in drive.world.connection.execute("SELECT id FROM run")]
    assert set(drive.ends) == set(runs)
    assert [drive.world.finished_events(run_id) for run_id in runs] == [1] * len(runs)
    drive.world.connection.close()


@settings(deadline=None, max_examples=80)
@given(
    functions(),
    st.lists(st.tuples(st.sampled_from(["take", "answer", "twice"]), st.integers(0, 9)), max_size=40),
)
def test_without_losses_no_step_body_runs_more_often_than_its_failures_ask_for(
    script: Scripted, moves: list[tuple[str, int]]
) -> None:
    child = Scripted(CHILD, version=script.version)
    drive = drive_of(script, child)
    for move, pick in moves:
        drive.move(move, pick)
    drive.finish()
    fails = {part.name: part.fails for stage in (*script.stages, *CHILD) for part in stage}
    for (_, name), count in (script.ran + child.ran).items():
        assert count <= min(fails[name], RETRIES) + 1
    if script.catches:
        assert set(drive.ends.values()) == {RunStatus.COMPLETED}
    drive.world.connection.close()
