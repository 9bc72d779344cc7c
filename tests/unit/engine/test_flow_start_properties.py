"""Whatever the order of events, time, answers and crashes: each event has one outcome, the right one."""

from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from start_drive import (
    MAX_BYTES,
    MOVES,
    StartDrive,
    batches,
    debounces,
    rate_limits,
    singletons,
    size,
    start_controls,
)

from durable_engine.flow_control import batching
from durable_engine.flow_control.keys import key_value
from durable_engine.model.event import Event
from durable_engine.model.flow import Batch, Debounce, FlowControl, RateLimit, Singleton

Moves = list[tuple[str, int]]
_DAY_MS = 86_400_000


def _moves(*names: str, most: int = 60) -> st.SearchStrategy[Moves]:
    """Return few moves, which is easier to read when one fails, or many: lists alone are short mostly."""
    move = st.tuples(st.sampled_from(names), st.integers(0, 20))
    return st.lists(move, max_size=most) | st.lists(move, min_size=most // 2, max_size=most)


def _play(flow: FlowControl, moves: Moves) -> StartDrive:
    drive = StartDrive(flow)
    with patch.object(batching, "MAX_BYTES", MAX_BYTES):
        for move, pick in moves:
            drive.move(move, pick)
        drive.finish()
    return drive


def _key(key: str | None, event: Event) -> str:
    return key_value(key, event.as_payload(), now_ms=0)


@settings(deadline=None, max_examples=80)
@given(flow=start_controls, moves=_moves(*MOVES, "down", "pause", "resume", "sync"))
def test_every_event_has_exactly_one_outcome_with_its_reason(flow: FlowControl, moves: Moves) -> None:
    drive = _play(flow, moves)
    drive.every_event_has_one_outcome()
    assert drive.world.next_due_ms() is None
    drive.world.connection.close()


@settings(deadline=None, max_examples=80)
@given(config=debounces, moves=_moves(*MOVES))
def test_a_debounced_run_has_the_newest_event_and_starts_when_none_has_come_for_the_period(
    config: Debounce, moves: Moves
) -> None:
    drive = _play(FlowControl(debounce=config), moves)
    free_from: dict[str, int] = {}
    for events, times, run in drive.groups("debounce"):
        assert run is not None
        key = _key(config.key, events[0])
        assert {_key(config.key, event) for event in events} == {key}
        newest = max(zip(events, times, range(len(times)), strict=True), key=lambda e: (e[0].ts_ms, e[2]))
        assert run.event_id == newest[0].id
        latest_ms = times[0] + (config.timeout_ms or _DAY_MS)
        assert run.queued_ms == min(times[-1] + config.period_ms, latest_ms)
        assert all(later - time <= config.period_ms for time, later in pairwise(times))
        assert free_from.get(key, 0) <= times[0]
        free_from[key] = run.queued_ms
    assert len(drive.runs()) == len(list(drive.groups("debounce")))
    drive.world.connection.close()


@settings(deadline=None, max_examples=80)
@given(config=batches, moves=_moves(*MOVES))
def test_batches_lose_and_repeat_no_event_and_are_neither_too_large_nor_too_late(
    config: Batch, moves: Moves
) -> None:
    # What a condition leaves out is dropped when its id repeats, and by nothing else.
    drive = _play(FlowControl(batch=config, idempotency=None if config.condition else "event.data.k"), moves)
    drive.every_event_has_one_outcome()
    sent = {event.id: event for event in drive.sent}
    batched = [drive.events_of(run) for run in drive.runs()]
    lost = sent.keys() - {event_id for ids in batched for event_id in ids}
    assert not lost or config.condition is not None
    assert all(sent[event_id].data["size"] >= 400 for event_id in lost)
    place = {event.id: number for number, event in enumerate(drive.sent)}
    for run, ids in zip(drive.runs(), batched, strict=True):
        events = [sent[event_id] for event_id in ids]
        assert [place[event_id] for event_id in ids] == sorted(place[event_id] for event_id in ids)
        assert len(ids) == run.event_count <= config.max_size
        assert len(ids) == 1 or sum(map(size, events)) <= MAX_BYTES
        assert len({_key(config.key, event) for event in events}) == 1
        assert run.queued_ms - events[0].received_ms <= config.timeout_ms
    drive.world.connection.close()


@settings(deadline=None, max_examples=80)
@given(config=rate_limits, moves=_moves(*MOVES))
def test_a_rate_limit_lets_no_more_runs_start_in_any_period_and_drops_none_too_many(
    config: RateLimit, moves: Moves
) -> None:
    drive = _play(FlowControl(rate_limit=config), moves)
    starts: dict[str, list[int]] = {}
    for event in drive.sent:
        times = starts.setdefault(_key(config.key, event), [])
        if drive.world.tables.runs.of_event(event.id):
            times.append(event.received_ms)
        elif drive.world.tables.decisions.of_event(event.id)[0].decision.control == "rateLimit":
            assert times[-1] + -(-config.period_ms // config.limit) > event.received_ms
    for times in starts.values():
        for first in times:
            assert sum(first <= time < first + config.period_ms for time in times) <= config.limit
    drive.world.connection.close()


@settings(deadline=None, max_examples=80)
@given(config=singletons, moves=_moves(*MOVES))
def test_a_singleton_has_one_open_run_for_each_key_and_drops_nothing_while_it_has_none(
    config: Singleton, moves: Moves
) -> None:
    drive = _play(FlowControl(singleton=config), moves)  # looks for a second one after each move
    drive.every_event_has_one_outcome()
    for event in drive.sent:
        for entry in drive.world.tables.decisions.of_event(event.id):
            if entry.decision.control == "singleton":
                holder = drive.world.run(entry.decision.run_id or "")
                assert holder.queued_ms <= entry.at_ms <= (holder.ended_ms or 0)
    drive.world.connection.close()


@settings(deadline=None, max_examples=60)
@given(moves=_moves(*MOVES, "down"), debounce=st.none() | debounces)
def test_an_idempotency_key_starts_one_run_in_24_hours(moves: Moves, debounce: Debounce | None) -> None:
    drive = _play(FlowControl(idempotency="event.data.k", debounce=debounce), moves)
    drive.every_event_has_one_outcome()
    last: dict[str, int] = {}
    sent = {event.id: event for event in drive.sent}
    for run in drive.runs():
        key = _key("event.data.k", sent[run.event_id])
        assert run.queued_ms - last.get(key, 0) >= _DAY_MS
        last[key] = run.queued_ms
    drive.world.connection.close()
