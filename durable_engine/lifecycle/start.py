"""Start a run: for an event that triggers a function, or for a step that invokes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from durable_engine.durations import parse_due_ms
from durable_engine.expressions import compile_expression, wait_key
from durable_engine.flow_control import lanes
from durable_engine.flow_control.keys import key_value
from durable_engine.ids import derived_ulid
from durable_engine.model.changes import Changes
from durable_engine.model.event import Event, StartedRun
from durable_engine.model.function import Function
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.lane import Placing
from durable_engine.model.pause import CancelTrigger
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.run import Run, Timeline
from durable_engine.model.status import RunStatus


def run_id_for(event: Event, function: Function, *, now_ms: int) -> str:
    """Return the id of the run that an event starts now."""
    return derived_ulid(now_ms, event.id, function.id)


def start_run(  # noqa: PLR0913 - what a run has to do with others
    changes: Changes,
    function: Function,
    event: Event,
    *,
    now_ms: int,
    due_ms: int | None = None,
    parent: tuple[str, str] | None = None,
    repeats: tuple[str, str] | None = None,
    more_events: Sequence[str] = (),
    timeline: Timeline | None = None,
) -> Run:
    """Add a new run to `changes` and return it.

    `due_ms` delays the first call. `parent` is (run id, step id) of the invoking step. `repeats` is (id
    for the new run, id of the run that it repeats). `more_events` are the ids of the other events of a batch.
    `timeline` is that to which the run belongs; `due_ms` is in its time, and no throttle holds it.
    """
    offset_ms = 0 if timeline is None else timeline.offset_ms
    due_ms = max(due_ms or 0, now_ms + offset_ms)
    placing = _placing(function, event, now_ms=now_ms, is_timed=timeline is None)
    rank_ms = due_ms if placing is None else due_ms - placing.ahead_ms
    due_ms = max(due_ms, rank_ms)
    parent_run_id, parent_step_id = parent or (None, None)
    run_id, original_run_id = repeats or (run_id_for(event, function, now_ms=now_ms), None)
    run = Run(
        id=run_id,
        function_id=function.id,
        event_id=event.id,
        status=RunStatus.QUEUED,
        queued_ms=now_ms + offset_ms,
        parent_run_id=parent_run_id,
        parent_step_id=parent_step_id,
        original_run_id=original_run_id,
        rank_ms=rank_ms - offset_ms,
        singleton_key=_singleton_key(function, event, now_ms=now_ms),
        event_count=1 + len(more_events),
        timeline_id=None if timeline is None else timeline.id,
        offset_ms=offset_ms,
    )
    _add(changes, run, placing, more_events)
    _watch(changes, function, run, event, now_ms=now_ms)
    changes.items.append(NewItem(run_id=run.id, kind=ItemKind.DISCOVER, due_ms=due_ms))
    changes.history.append(HistoryEntry(run_id=run.id, at_ms=run.queued_ms, kind=HistoryKind.RUN_QUEUED))
    changes.started.append(
        StartedRun(run_id=run.id, function_slug=function.slug, status=run.status, due_ms=due_ms)
    )
    return run


def _add(changes: Changes, run: Run, placing: Placing | None, more_events: Sequence[str]) -> None:
    changes.new_runs.append(run)
    if more_events:
        changes.run_events.append((run.id, [run.event_id, *more_events]))
    if placing is not None:
        changes.placings[run.id] = placing


def _placing(function: Function, event: Event, *, now_ms: int, is_timed: bool) -> Placing | None:
    placing = lanes.placing(function.flow, function.id, event.as_payload(), now_ms=now_ms)
    return placing if placing is None or is_timed else replace(placing, start=placing.work)


def _singleton_key(function: Function, event: Event, *, now_ms: int) -> str | None:
    singleton = function.flow.singleton
    return None if singleton is None else key_value(singleton.key, event.as_payload(), now_ms=now_ms)


def _watch(changes: Changes, function: Function, run: Run, event: Event, *, now_ms: int) -> None:
    """Register what cancels the run: events, and a first call that comes too late.

    Source: as documented, the time to start counts from the creation of the run, also when its
    event lies in the future, and a batch is cancelled by no event.
    """
    cancels = () if run.event_count > 1 else function.cancels
    for position, cancel in enumerate(cancels):
        expression = None if cancel.expression is None else compile_expression(cancel.expression)
        match_path, match_key = wait_key(expression, event.as_payload)
        changes.cancel_triggers.append(
            CancelTrigger(
                run_id=run.id,
                position=position,
                event_name=cancel.event,
                expression=cancel.expression,
                expires_ms=None if cancel.timeout is None else parse_due_ms(cancel.timeout, now_ms=now_ms),
                match_path=match_path,
                match_key=match_key,
            )
        )
    if function.start_timeout_ms is not None:
        deadline_ms = run.queued_ms + function.start_timeout_ms
        changes.items.append(NewItem(run_id=run.id, kind=ItemKind.DEADLINE, due_ms=deadline_ms))
