"""Mocks do what the bodies would do, on both planning generations; whatever happens, no mocked body runs."""

from __future__ import annotations

from collections.abc import Iterable

from doubled_drive import DoubledDrive, Telling, drive_with, mock_of
from hypothesis import given, settings
from hypothesis import strategies as st
from run_drive import functions
from scripted_function import Part, Scripted

from durable_engine.model.double import Fault, FaultKind, NewDouble
from durable_engine.model.history import HistoryKind
from durable_engine.model.status import RunStatus

MOVES = st.lists(st.tuples(st.sampled_from(["take", "answer", "twice"]), st.integers(0, 9)), max_size=40)
ROUGH = st.lists(
    st.tuples(
        st.sampled_from(["take", "answer", "answer", "twice", "crash", "event", "signal", "time", "cancel"]),
        st.integers(0, 9),
    ),
    max_size=50,
)
picks = st.lists(st.booleans(), min_size=9, max_size=9)


def _telling(script: Scripted) -> Telling:
    return Telling(script.stages, version=script.version, catches=script.catches, eager=script.eager)


def _parts(script: Scripted) -> list[Part]:
    return [part for stage in script.stages for part in stage]


def _play(
    script: Scripted, doubles: Iterable[NewDouble], moves: list[tuple[str, int]], *, checkpoints: bool
) -> DoubledDrive:
    drive = drive_with(script, list(doubles), checkpoints=checkpoints)
    for move, pick in moves:
        drive.move(move, pick)
    drive.finish()
    return drive


def _outcome(drive: DoubledDrive) -> tuple[RunStatus, str | None, str | None]:
    run = drive.world.run(drive.root)
    return run.status, run.output, run.error


def _uses_are_on_record(drive: DoubledDrive) -> None:
    history = drive.world.tables.history.of_run(drive.root)
    used = [entry for entry in history if entry.kind is HistoryKind.DOUBLED and "late" not in entry.detail]
    assert sum(double.uses for double in drive.doubles()) == len(used)


@settings(deadline=None, max_examples=60)
@given(script=functions(), mocked=picks, moves=MOVES, checkpoints=st.booleans())
def test_mocks_that_do_what_the_bodies_do_lead_to_the_same_end(
    script: Scripted, mocked: list[bool], moves: list[tuple[str, int]], *, checkpoints: bool
) -> None:
    real = _play(_telling(script), [], [], checkpoints=checkpoints)
    chosen = [part for part, is_mocked in zip(_parts(script), mocked, strict=False) if is_mocked]
    told = _telling(script)
    drive = _play(told, map(mock_of, chosen), moves, checkpoints=checkpoints)

    assert _outcome(drive) == _outcome(real)
    assert {name for _, name in told.ran}.isdisjoint(part.name for part in chosen)
    _uses_are_on_record(drive)
    for each in (drive, real):
        each.world.connection.close()


@settings(deadline=None, max_examples=60)
@given(script=functions(races=True), mocked=picks, moves=ROUGH, checkpoints=st.booleans())
def test_no_mocked_body_ever_runs_whatever_happens_to_the_run(
    script: Scripted, mocked: list[bool], moves: list[tuple[str, int]], *, checkpoints: bool
) -> None:
    chosen = [part for part, is_mocked in zip(_parts(script), mocked, strict=False) if is_mocked]
    told = _telling(script)
    drive = _play(told, map(mock_of, chosen), moves, checkpoints=checkpoints)

    assert {name for _, name in told.ran}.isdisjoint(part.name for part in chosen)
    assert set(drive.ends) == set(drive.runs())
    _uses_are_on_record(drive)
    drive.world.connection.close()


_FAULTS = st.sampled_from([kind for kind in FaultKind if kind is not FaultKind.STEP_ERROR])


@settings(deadline=None, max_examples=60)
@given(
    script=functions(races=True),
    kinds=st.lists(st.none() | _FAULTS, min_size=9, max_size=9),
    own=_FAULTS,
    moves=ROUGH,
    checkpoints=st.booleans(),
)
def test_every_run_ends_exactly_once_whatever_is_injected(
    script: Scripted,
    kinds: list[FaultKind | None],
    own: FaultKind,
    moves: list[tuple[str, int]],
    *,
    checkpoints: bool,
) -> None:
    hit = [part for part in _parts(script) if part.does in {"run", "fetch"}]
    doubles = [
        NewDouble(step=part.name, outcomes=(Fault(kind=kind),), times=1)
        for part, kind in zip(hit, kinds, strict=False)
        if kind is not None
    ]
    doubles.append(NewDouble(outcomes=(Fault(kind=own),), times=1))
    drive = _play(_telling(script), doubles, moves, checkpoints=checkpoints)

    runs = drive.runs()
    assert set(drive.ends) == set(runs)
    assert [drive.world.finished_events(run_id) for run_id in runs] == [1] * len(runs)
    assert not any(drive.world.tables.history.has(run_id, HistoryKind.RUN_REPAIRED) for run_id in runs)
    _uses_are_on_record(drive)
    drive.world.connection.close()
