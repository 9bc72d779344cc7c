"""Time that is skipped: when nothing of a run and of what it brought about is left to do, its time jumps to
whatever comes next.

Events that are planned for such a run are sent first, each when its time has come.
"""

from __future__ import annotations

from typing import Final

from durable_engine.ids import derived_ulid
from durable_engine.lifecycle.resume import signal_arrived
from durable_engine.lifecycle.waits import DEFAULT_TIMEOUT_MS
from durable_engine.model.event import Event
from durable_engine.model.plan import PlannedEvent
from durable_engine.model.run import Run, Timeline
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.tables import Tables

MAX_SKIPPED_MS: Final = 10 * 366 * 86_400_000
"""Where a time stops to jump, so that what starts itself again and again comes to an end."""
_MOST_AT_ONCE: Final = 100
"""Events sent for one run in one transaction; what is left is sent in the next one."""


def skip_ahead(tables: Tables, registry: Registry, *, now_ms: int, of_run: str | None = None) -> Settled:
    """Let every time that may jump do so, if nothing is left to do in it; or only that `of_run`.

    The end of a call concerns no other time: to look at all of them then would cost every step of every run
    more with each test that is under way, or that rests.
    """
    whole = Settled()
    for timeline in tables.timelines.all() if of_run is None else tables.timelines.of_run(of_run):
        for _ in range(_MOST_AT_ONCE):
            run_ids = tables.timelines.open_runs(timeline.id)
            if not run_ids:
                tables.timelines.close(timeline)
                whole.rested.append(timeline.id)
                break
            if tables.timelines.is_busy(timeline.id, now_ms=now_ms):
                break
            planned = _next_planned(tables, timeline, run_ids, now_ms=now_ms)
            if planned is None:
                if not _jump(tables, timeline, now_ms=now_ms):
                    whole.rested.append(timeline.id)
                break
            tables.timelines.note_sent(timeline.id, planned.position, at_ms=now_ms + timeline.offset_ms)
            run = tables.runs.get_lean(run_ids[0])
            whole.add(_send(tables, registry, timeline, planned, cause=run, now_ms=now_ms))
    return whole


def is_at_rest(tables: Tables, timeline_id: str, *, now_ms: int) -> bool:
    """Whether nothing in a time goes on by itself now: its runs wait for the outside, or have ended."""
    timeline = tables.timelines.find(timeline_id)
    run_ids = tables.timelines.open_runs(timeline_id)
    if timeline is None or not run_ids:
        return True
    if tables.timelines.is_busy(timeline_id, now_ms=now_ms):
        return False
    return (
        _next_planned(tables, timeline, run_ids, now_ms=now_ms) is None
        and _jump_ms(tables, timeline, now_ms=now_ms) is None
    )


def _jump(tables: Tables, timeline: Timeline, *, now_ms: int) -> bool:
    """Skip to what is due next, or to the end of what may be skipped, whichever comes first."""
    by_ms = _jump_ms(tables, timeline, now_ms=now_ms)
    if by_ms is not None:
        tables.timelines.move(timeline.id, by_ms)
    return by_ms is not None


def _jump_ms(tables: Tables, timeline: Timeline, *, now_ms: int) -> int | None:
    """Return by how much a time that has nothing left to do jumps now; None for one that stays."""
    began_ms = _began_ms(tables, timeline)
    times = [tables.timelines.next_due_ms(timeline.id, endless_ms=DEFAULT_TIMEOUT_MS)]
    times += [
        began_ms + event.after_ms - timeline.offset_ms
        for event in tables.timelines.planned(timeline.id)
        if event.sent_ms is None and event.after_ms is not None
    ]
    due_ms = min((time for time in times if time is not None), default=None)
    if timeline.until_ms is not None:
        until_ms = timeline.until_ms - timeline.offset_ms
        due_ms = until_ms if due_ms is None else min(due_ms, until_ms)
    if due_ms is not None and now_ms < due_ms <= now_ms + MAX_SKIPPED_MS - timeline.offset_ms:
        return due_ms - now_ms
    return None


def _began_ms(tables: Tables, timeline: Timeline) -> int:
    first = tables.runs.get_lean(timeline.id)
    return 0 if first is None else first.queued_ms


def _next_planned(
    tables: Tables, timeline: Timeline, run_ids: list[str], *, now_ms: int
) -> PlannedEvent | None:
    return next(
        (
            event
            for event in tables.timelines.planned(timeline.id)
            if event.sent_ms is None and _has_come(tables, timeline, run_ids, event, now_ms=now_ms)
        ),
        None,
    )


def _has_come(
    tables: Tables, timeline: Timeline, run_ids: list[str], event: PlannedEvent, *, now_ms: int
) -> bool:
    if event.after_ms is not None:
        return _began_ms(tables, timeline) + event.after_ms <= now_ms + timeline.offset_ms
    if event.after_step is not None:
        return any(
            step.status.is_terminal and step.ref.label == event.after_step
            for run_id in run_ids
            for step in tables.steps.all(run_id)
        )
    if event.is_signal:
        pause = tables.pauses.for_signal(event.name)
        return pause is not None and pause.run_id in run_ids
    return any(pause.run_id in run_ids for pause in tables.pauses.for_event(event.name))


def _send(
    tables: Tables,
    registry: Registry,
    timeline: Timeline,
    planned: PlannedEvent,
    *,
    cause: Run | None,
    now_ms: int,
) -> Settled:
    settlement = Settlement(tables, registry, now_ms=now_ms)
    if planned.is_signal:
        pause = tables.pauses.for_signal(planned.name)
        run = None if pause is None else tables.runs.get(pause.run_id)
        step = None if pause is None else tables.steps.get(pause.run_id, pause.step_id)
        if run is None or step is None:
            return Settled()
        around = tables.around(run.id, step)
        return settlement.apply(
            signal_arrived(run, step, planned.name, planned.data, around=around, now_ms=run.at(now_ms))
        )
    event_id = derived_ulid(now_ms, timeline.id, str(planned.position), "planned")
    return settlement.ingest(
        Event(
            id=event_id,
            public_id=event_id,
            name=planned.name,
            data=planned.data,
            user={},
            ts_ms=now_ms + timeline.offset_ms,
            received_ms=now_ms,
            source="test",
        ),
        cause=cause,  # what else it starts would otherwise begin when that time has come for the engine
    )


def own_time(tables: Tables, run: Run) -> str:
    """Return the id of the timeline of an open run, which gets one now if it has none.

    It is also that of the runs that it waits for, and of those that wait for it: they cannot be at different
    times.
    """
    if run.timeline_id is not None:
        return run.timeline_id
    family = _family(tables, run)
    timeline_id = family[0].id
    tables.timelines.open(Timeline(id=timeline_id, until_ms=0))
    for member in family:
        tables.timelines.join(member.id, timeline_id)
    return timeline_id


def _family(tables: Tables, run: Run) -> list[Run]:
    """Return the open runs of a tree of invocations, beginning with the one that no open run invoked."""
    top, seen = run, {run.id}
    while top.parent_run_id is not None and top.parent_run_id not in seen:
        parent = tables.runs.get_lean(top.parent_run_id)
        if parent is None or parent.status.is_terminal:
            break
        top = parent
        seen.add(top.id)
    family, next_ones = [], [top]
    while next_ones:
        member = next_ones.pop()
        family.append(member)
        children = filter(None, map(tables.runs.get_lean, tables.runs.children(member.id)))
        next_ones += [child for child in children if not child.status.is_terminal]
    return family
