"""May an event start a run of a function now? The start controls are asked in order, and the first that
objects decides: paused, batching, event id, idempotency or rate limit, debounce, singleton.

Source: the order is Inngest's, except that a paused function and a repeated event id are looked at first, so
that neither uses up a rate limit. As documented, batches and debounced starts ignore event ids, and batches
ignore rate limits and idempotency keys as well. A function that is invoked directly runs at once instead of
joining a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from durable_engine.flow_control import batching, debounce, rate_limit, singleton
from durable_engine.flow_control.keys import is_false, key_value, shown_key
from durable_engine.ids import derived_ulid
from durable_engine.lifecycle.start import run_id_for, start_run
from durable_engine.model.appointment import Appointment, AppointmentKind
from durable_engine.model.changes import Changes
from durable_engine.model.decision import Admit, Control, Drop, EventDecision, NotAdmitted
from durable_engine.model.event import Event
from durable_engine.model.flow import Batch, Debounce
from durable_engine.model.function import Function
from durable_engine.model.json_value import to_json
from durable_engine.model.pause import Pause
from durable_engine.model.plan import AS_USUAL, Conditions
from durable_engine.model.run import Run, Timeline
from durable_engine.storage.tables import Tables

IDEMPOTENCY_MS: Final = 24 * 3_600_000
PAUSED: Final = Drop(control=Control.PAUSE, reason="it is paused; events that come meanwhile start no runs")
_IDEMPOTENCY_KEY: Final = "inngest/idempotency:"
"""Keeps values of idempotency keys apart from ids of events, which are kept in the same table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A start that is asked for. `parent` is (run id, step id) of the step that invokes the function.

    `is_direct`: the function is meant, whatever triggers it. `start_key` guards the start for 24 hours.
    `timeline` is that of the run that brings this start about; `under` may give the run one of its own.
    """

    function: Function
    event: Event
    now_ms: int
    is_direct: bool = False
    parent: tuple[str, str] | None = None
    start_key: str | None = None
    timeline: Timeline | None = None
    under: Conditions = AS_USUAL


def consider(tables: Tables, changes: Changes, start: Start) -> Run | None:
    """Start a run if all controls let it, and return it; else keep the decision on the event's record.

    One that has a time of its own waits for no other events: neither debounce nor batching puts it off.
    """
    function, event, now_ms = start.function, start.event, start.now_ms
    timeline = _timeline(tables, start)
    start = replace(start, timeline=timeline)
    flow, payload = function.flow, event.as_payload()
    if function.is_paused:
        decline(changes, start, PAUSED)
        return None
    is_alone = start.is_direct or timeline is not None
    if flow.batch is not None and not is_alone and batching.takes(flow.batch, payload, now_ms=now_ms):
        return _collect(tables, changes, start, flow.batch)
    drop = (
        _repeated_event(tables, start) or _repeated_key(tables, start) or _over_rate(tables, changes, start)
    )
    if drop is not None:
        decline(changes, start, drop)
        return None
    if flow.debounce is not None and timeline is None:
        _debounce(tables, changes, start, flow.debounce)
        return None
    return _start(tables, changes, start, due_ms=event.ts_ms)


def begin(tables: Tables, changes: Changes, start: Start) -> Run | None:
    """Start a run that was put off: only an idempotency key or a singleton can still object.

    The time of the run that invoked it may have got ahead meanwhile.
    """
    start = replace(start, timeline=_timeline(tables, start))
    drop = _repeated_key(tables, start)
    if drop is not None:
        decline(changes, start, drop)
        return None
    return _start(tables, changes, start)


def _start(tables: Tables, changes: Changes, start: Start, *, due_ms: int | None = None) -> Run | None:
    function, event, now_ms = start.function, start.event, start.now_ms
    decision = _alone(tables, start)
    if isinstance(decision, Drop):
        decline(changes, start, decision)
        return None
    run = start_run(
        changes,
        function,
        event,
        now_ms=now_ms,
        due_ms=due_ms,
        parent=start.parent,
        timeline=start.timeline,
    )
    if start.under.need_own_time and start.timeline is not None:
        changes.timelines.append(start.timeline)
    for replaced in decision.replaces:
        changes.replaced.append((replaced, f"by its newer run {run.id}, as the function is a singleton"))
    has_own_id = event.public_id != event.id
    keys = (start.start_key, _idempotency_key(start), event.public_id if has_own_id else None)
    for key in filter(None, keys):
        changes.start_keys.append((function.id, key, run.id, now_ms + IDEMPOTENCY_MS))
    if start.parent is not None and tables.waits(*start.parent):
        run_id, step_id = start.parent
        changes.pauses.append(Pause(run_id=run_id, step_id=step_id, child_run_id=run.id))
    return run


def _timeline(tables: Tables, start: Start) -> Timeline | None:
    if start.under.need_own_time:
        run_id = run_id_for(start.event, start.function, now_ms=start.now_ms)
        return Timeline(id=run_id, until_ms=None if start.under.skips_time else start.now_ms)
    parent = None if start.parent is None else tables.runs.get_lean(start.parent[0])
    return start.timeline if parent is None else parent.timeline


def _alone(tables: Tables, start: Start) -> Admit | Drop:
    config = start.function.flow.singleton
    if config is None:
        return Admit()
    value = key_value(config.key, start.event.as_payload(), now_ms=start.now_ms)
    return singleton.decide(config, value, tables.runs.open_single(start.function.id, value))


def decline(
    changes: Changes, start: Start, decision: NotAdmitted, *, appointment: Appointment | None = None
) -> None:
    """Keep the decision not to start a function now on the event's record."""
    changes.decisions.append(
        EventDecision(
            event_id=start.event.id,
            function_id=start.function.id,
            function_slug=start.function.slug,
            decision=decision,
            at_ms=start.now_ms,
            appointment=None if appointment is None else appointment.id,
        )
    )
    if start.parent is not None and isinstance(decision, Drop):
        changes.refused.append((start.parent, decision.reason))


def _repeated_event(tables: Tables, start: Start) -> Drop | None:
    event, function = start.event, start.function
    if event.public_id == event.id or function.flow.debounce is not None:
        return None
    earlier = tables.runs.started_by_key(function.id, event.public_id, now_ms=start.now_ms)
    if earlier is None:
        return None
    reason = f"an event with the id {event.public_id!r} started its run {earlier} less than 24 h ago"
    return Drop(control=Control.EVENT_ID, reason=reason, run_id=earlier)


def _repeated_key(tables: Tables, start: Start) -> Drop | None:
    key = _idempotency_key(start)
    earlier = None if key is None else tables.runs.started_by_key(start.function.id, key, now_ms=start.now_ms)
    if key is None or earlier is None:
        return None
    expression = start.function.flow.idempotency or ""
    value = to_json(key.removeprefix(_IDEMPOTENCY_KEY))
    reason = (
        f"an event with the same idempotency key ({shown_key(expression)} = {value}) started its run "
        f"{earlier} less than 24 h ago"
    )
    return Drop(control=Control.IDEMPOTENCY, reason=reason, run_id=earlier)


def _idempotency_key(start: Start) -> str | None:
    expression, payload = start.function.flow.idempotency, start.event.as_payload()
    if expression is None or is_false(expression, payload, now_ms=start.now_ms):
        return None
    return f"{_IDEMPOTENCY_KEY}{key_value(expression, payload, now_ms=start.now_ms)}"


def _over_rate(tables: Tables, changes: Changes, start: Start) -> Drop | None:
    """Source: as observed, an idempotency key takes the place of a rate limit."""
    function, now_ms, payload = start.function, start.now_ms, start.event.as_payload()
    limit = function.flow.rate_limit
    if limit is None or function.flow.idempotency is not None:
        return None
    if is_false(limit.key, payload, now_ms=now_ms):
        return None
    value = key_value(limit.key, payload, now_ms=now_ms)
    slot_us = tables.decisions.slot_us(function.id, value)
    decision, next_slot_us = rate_limit.decide(limit, value, slot_us, now_ms=now_ms)
    if isinstance(decision, Drop):
        return decision
    if next_slot_us is not None:
        changes.rates.append((function.id, value, next_slot_us))
    return None


def _debounce(tables: Tables, changes: Changes, start: Start, config: Debounce) -> None:
    function, event, now_ms = start.function, start.event, start.now_ms
    value = key_value(config.key, event.as_payload(), now_ms=now_ms)
    pending = tables.appointments.find(AppointmentKind.DEBOUNCE, function.id, value)
    decision = debounce.decide(config, value, pending, now_ms=now_ms)
    due_ms = decision.until_ms or now_ms
    if pending is None:
        appointment = _appointment(start, AppointmentKind.DEBOUNCE, value, due_ms=due_ms)
    else:
        appointment = replace(pending, due_ms=due_ms, count=pending.count + 1)
        if debounce.is_newer(event, tables.events.get(pending.event_id or "")):
            if pending.parent is not None:
                changes.refused.append((pending.parent, "a newer event took its place in the debounce"))
            appointment = replace(
                appointment, event_id=event.id, parent=start.parent, start_key=start.start_key
            )
        elif start.parent is not None:
            changes.refused.append((start.parent, "a newer event has its place in the debounce"))
    changes.appointments.append(appointment)
    decline(changes, start, decision, appointment=appointment)


def _collect(tables: Tables, changes: Changes, start: Start, batch: Batch) -> Run | None:
    """Add the event to its batch; the one that fills it starts the run."""
    function, event, now_ms = start.function, start.event, start.now_ms
    value = key_value(batch.key, event.as_payload(), now_ms=now_ms)
    size = len(to_json(event.as_payload()).encode())
    pending = tables.appointments.find(AppointmentKind.BATCH, function.id, value)
    if pending is not None and batching.overflows(pending, size):
        keep_batch(tables, changes, function, pending, now_ms=now_ms)
        changes.started.pop()  # not for this event
        pending = None
    count, total = (1, size) if pending is None else (pending.count + 1, pending.size + size)
    if batching.is_full(batch, count=count, size=total):
        if pending is None:
            return start_run(changes, function, event, now_ms=now_ms)
        return keep_batch(tables, changes, function, pending, now_ms=now_ms, last=event)
    decision = batching.decide(batch, value, pending, now_ms=now_ms)
    if pending is None:
        due_ms = now_ms + batch.timeout_ms
        appointment = replace(_appointment(start, AppointmentKind.BATCH, value, due_ms=due_ms), size=size)
    else:
        appointment = replace(pending, count=count, size=total)
    changes.appointments.append(appointment)
    changes.collected.append((appointment, event.id))
    decline(changes, start, decision, appointment=appointment)
    return None


def keep_batch(
    tables: Tables,
    changes: Changes,
    function: Function,
    pending: Appointment,
    *,
    now_ms: int,
    last: Event | None = None,
) -> Run:
    """Start the run of a batch, with `last` as its last event; no other control has a say in it."""
    first_id, *others = tables.appointments.events(pending)
    if last is not None:
        others.append(last.id)
    run = start_run(changes, function, tables.events.get(first_id), now_ms=now_ms, more_events=others)
    changes.kept.append((pending, run.id))
    return run


def _appointment(start: Start, kind: AppointmentKind, value: str, *, due_ms: int) -> Appointment:
    return Appointment(
        id=derived_ulid(start.now_ms, kind, start.function.id, start.event.id),
        kind=kind,
        function_id=start.function.id,
        key=value,
        due_ms=due_ms,
        since_ms=start.now_ms,
        event_id=start.event.id,
        parent=start.parent,
        start_key=start.start_key,
    )
