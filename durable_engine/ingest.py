"""What one event does: which functions it starts, which waiting runs it wakes."""

from __future__ import annotations

from typing import Final

from durable_engine.expressions import compile_expression, explain_mismatch
from durable_engine.inspection import existing_run
from durable_engine.lifecycle.resume import event_arrived
from durable_engine.model.changes import Changes
from durable_engine.model.decision import Control, Drop
from durable_engine.model.event import LIFECYCLE_EVENTS, Event, StartedRun, UnmetWait
from durable_engine.model.function import Trigger
from durable_engine.model.pause import Pause
from durable_engine.model.plan import AS_USUAL, Conditions
from durable_engine.model.run import Timeline
from durable_engine.registry import Registry
from durable_engine.starting import Start, consider, decline
from durable_engine.storage.tables import Tables
from durable_engine.triggers.matching import mismatch

_EXPLAINED: Final = 5


def plan_event(
    tables: Tables,
    registry: Registry,
    event: Event,
    *,
    now_ms: int,
    timeline: Timeline | None = None,
    under: Conditions = AS_USUAL,
) -> Changes:
    """Decide which runs a new event starts, and say why a function that listens to it is not started.

    `timeline` is that of the run whose end the event tells of. `under` are conditions for the runs.
    """
    changes = Changes(events=[event])
    if _ends_a_handler(event):
        return changes
    for function, triggers in registry.listening_to(event.name):
        start = Start(function=function, event=event, now_ms=now_ms, timeline=timeline, under=under)
        _start(tables, changes, triggers, start)
    return changes


def _ends_a_handler(event: Event) -> bool:
    """Whether the event tells of the end of a run that such an event had started.

    It starts nothing: a function that listens to `inngest/function.finished` would start itself for ever.
    """
    trigger = event.data.get("event") if event.name in LIFECYCLE_EVENTS else None
    return isinstance(trigger, dict) and trigger.get("name") in LIFECYCLE_EVENTS


def waits_met(tables: Tables, event: Event, *, now_ms: int) -> list[Pause]:
    """Return the waits that the event ends."""
    payload = event.as_payload()
    return [
        pause
        for pause in tables.pauses.candidates(event.name, payload)
        if _meets(tables, pause, payload, now_ms=now_ms)
    ]


def resume_wait(tables: Tables, pause: Pause, event: Event, *, now_ms: int) -> Changes | None:
    """End a wait with the event; None when the wait is over already."""
    run = tables.runs.get(pause.run_id)
    step = tables.steps.get(pause.run_id, pause.step_id)
    if run is None or step is None or run.status.is_terminal or step.status.is_terminal:
        return None
    return event_arrived(run, step, event, around=tables.around(run.id, step), now_ms=run.at(now_ms))


def unmet_waits(tables: Tables, event: Event, *, now_ms: int) -> tuple[UnmetWait, ...]:
    """Return the first few waits, and events that would cancel, of the event's name, and why not this one."""
    payload = event.as_payload()
    found: list[UnmetWait] = []
    for pause in tables.pauses.for_event(event.name, limit=_EXPLAINED):
        name = tables.steps.name(pause.run_id, pause.step_id)
        reason = _mismatch(tables, pause.run_id, pause.expression, payload, now_ms=now_ms)
        if name is not None and reason is not None:
            found.append(UnmetWait(run_id=pause.run_id, step_name=name, reason=reason))
    if len(found) == _EXPLAINED:
        return tuple(found)
    for trigger in tables.pauses.cancelled_by(event.name, now_ms=now_ms, limit=_EXPLAINED):
        reason = _mismatch(tables, trigger.run_id, trigger.expression, payload, now_ms=now_ms)
        if reason is not None:
            found.append(UnmetWait(run_id=trigger.run_id, reason=reason))
    return tuple(found[:_EXPLAINED])


def _mismatch(
    tables: Tables, run_id: str, expression: str | None, payload: dict[str, object], *, now_ms: int
) -> str | None:
    run = tables.runs.get(run_id)
    if run is None or expression is None:
        return None
    return explain_mismatch(
        compile_expression(expression), tables.wait_scope(run, payload), now_ms=run.at(now_ms)
    )


def _start(tables: Tables, changes: Changes, triggers: list[Trigger], start: Start) -> None:
    event = start.event
    reasons = [mismatch(trigger, event, now_ms=start.now_ms) for trigger in triggers]
    if None in reasons:
        consider(tables, changes, start)
        return
    if event.source == "engine":
        return  # each end of a run would be on record with each failure handler that it is not for
    reason = "; ".join(reason for reason in reasons if reason)
    decline(changes, start, Drop(control=Control.TRIGGER, reason=reason))


def _meets(tables: Tables, pause: Pause, payload: dict[str, object], *, now_ms: int) -> bool:
    if pause.expression is None:
        return True
    run = tables.runs.get(pause.run_id)
    if run is None:
        return False
    return compile_expression(pause.expression).matches(
        tables.wait_scope(run, payload), now_ms=run.at(now_ms)
    )


def existing_runs(tables: Tables, registry: Registry, event_id: str) -> tuple[StartedRun, ...]:
    """Return what an event that was accepted before has started."""
    return tuple(existing_run(registry, run) for run in tables.runs.of_event(event_id))
