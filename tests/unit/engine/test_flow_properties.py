"""Whatever the order of events, answers, losses, crashes and syncs: limits hold, and nobody waits in vain.

Each admission is held against a model of the gates that knows nothing of lanes (see `flow_drive`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from engine_tables import World, a_function
from flow_drive import (
    MOVES,
    USER,
    FlowDrive,
    controls,
    everything_is_at_rest,
    flow_drive,
    scripts,
    start_times,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_function import Scripted

from durable_engine.model.flow import Concurrency, FlowControl
from durable_engine.model.reply import Returned

Moves = list[tuple[str, int]]
_UPSETS = ("crash", "crash", "sync", "sync")
_two_scripts = st.tuples(scripts(), scripts())


def _moves(*names: str, most: int) -> st.SearchStrategy[Moves]:
    """Return few moves, which is easier to read when one fails, or many: lists alone are short mostly."""
    move = st.tuples(st.sampled_from(names), st.integers(0, 20))
    return st.lists(move, max_size=most) | st.lists(move, min_size=most // 2, max_size=most)


def _pools(most: int) -> st.SearchStrategy[tuple[list[FlowControl], ...]]:
    pool = st.lists(controls, min_size=1, max_size=most)
    return st.tuples(pool, pool)


def _play(pools: Sequence[Sequence[FlowControl]], functions: Sequence[Scripted], moves: Moves) -> FlowDrive:
    drive = flow_drive(pools, functions)
    for move, pick in moves:
        drive.move(move, pick)
    drive.finish()
    return drive


@settings(deadline=None, max_examples=60)
@given(pools=_pools(1), functions=_two_scripts, moves=_moves(*MOVES, "crash", "time", "wait", most=60))
def test_limits_hold_and_no_call_waits_while_all_its_gates_are_open(
    pools: Sequence[Sequence[FlowControl]], functions: Sequence[Scripted], moves: Moves
) -> None:
    drive = _play(pools, functions, moves)
    for (slug, *_), times in start_times(drive).items():
        throttle = drive.function(slug.removeprefix("lab-")).flow.throttle
        assert throttle is not None
        for first in times:
            span = [time for time in times if first <= time < first + throttle.period_ms]
            assert len(span) <= throttle.limit + throttle.burst - 1
    everything_is_at_rest(drive)


@settings(deadline=None, max_examples=60)
@given(pools=_pools(3), functions=_two_scripts, moves=_moves(*MOVES, *_UPSETS, "time", most=60))
def test_a_sync_changes_the_limits_of_runs_that_wait_and_forgets_no_call(
    pools: Sequence[Sequence[FlowControl]], functions: Sequence[Scripted], moves: Moves
) -> None:
    everything_is_at_rest(_play(pools, functions, moves))


@settings(deadline=None, max_examples=60)
@given(
    pools=_pools(2),
    functions=_two_scripts,
    moves=_moves(*MOVES, "crash", "time", "sync", "pause", "resume", most=60),
)
def test_runs_of_functions_that_are_paused_and_resumed_hold_no_gate_and_end(
    pools: Sequence[Sequence[FlowControl]], functions: Sequence[Scripted], moves: Moves
) -> None:
    everything_is_at_rest(_play(pools, functions, moves))


@pytest.mark.parametrize(("at_once", "is_late"), [(1, False), (1, True), (3, True)])
def test_keys_with_one_run_start_within_one_round_of_a_key_with_a_thousand(
    at_once: int, *, is_late: bool
) -> None:
    limits = Concurrency(limit=at_once), Concurrency(limit=at_once, key=USER)
    world = World(a_function(flow=FlowControl(concurrency=limits)))
    for _ in range(1_000):
        world.send(data={"u": "busy"})
    taken = world.take() if is_late else []
    waiting = {world.start(data={"u": f"u{number}"}) for number in range(12)}
    for _ in range(12 // at_once + 1):
        for work in taken:
            world.answer(work, Returned(data=None))
        taken = world.take()
        waiting -= {work.item.run_id for work in taken}
    assert not waiting
    world.connection.close()
