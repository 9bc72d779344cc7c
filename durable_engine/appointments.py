"""What comes due and belongs to no run yet: debounced starts, batches, cron ticks, ends of pauses."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from durable_engine.cancelling import cancellation
from durable_engine.crons import next_tick
from durable_engine.ids import derived_ulid
from durable_engine.model.appointment import Appointment, AppointmentKind
from durable_engine.model.changes import Changes
from durable_engine.model.decision import Control, Drop, NotAdmitted
from durable_engine.model.event import SCHEDULED_TIMER, Event
from durable_engine.model.function import Function
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.starting import PAUSED, Start, begin, consider, decline, keep_batch
from durable_engine.storage.tables import Tables

logger = logging.getLogger(__name__)

_MENDED_MS: Final = 60_000
_CANCELLED_AT_ONCE: Final = 100
MAX_PAUSE_MS: Final = 7 * 86_400_000
"""Source: as documented, what a pause stops is cancelled after 7 days."""


def keep_due(tables: Tables, registry: Registry, *, now_ms: int, limit: int) -> Settled:
    """Keep up to `limit` appointments that are due, in due order."""
    whole = Settled()
    for _ in range(limit):
        appointment = tables.appointments.next_due(now_ms=now_ms)
        if appointment is None:
            break
        settlement = Settlement(tables, registry, now_ms=now_ms)
        try:
            with tables.all_or_nothing():
                for changes in _KEEP[appointment.kind](tables, registry, appointment, now_ms):
                    settlement.apply(changes)
        except sqlite3.OperationalError:
            raise  # the file
        except Exception:  # a bug of ours in one of them must not hold up all other work
            logger.exception("the %s of %s failed; again soon", appointment.kind, appointment.function_id)
            tables.appointments.save(replace(appointment, due_ms=now_ms + _MENDED_MS))
        else:
            whole.add(settlement.settled)
    return whole


def _keep_debounce(
    tables: Tables, registry: Registry, appointment: Appointment, now_ms: int
) -> Iterable[Changes]:
    function, changes = registry.by_id(appointment.function_id), Changes()
    start = Start(
        function=function,
        event=tables.events.get(appointment.event_id or ""),
        now_ms=now_ms,
        parent=appointment.parent,
        start_key=appointment.start_key,
    )
    drop = _obstacle(function)
    run = None
    if drop is not None:
        decline(changes, start, drop)
    else:
        run = begin(tables, changes, start)
    if run is None:  # that holds for the events which this one has replaced, too
        others = [known for known in tables.decisions.events_of(appointment.id) if known != start.event.id]
        _decline_all(tables, changes, function, others, changes.decisions[0].decision, now_ms=now_ms)
    changes.kept.append((appointment, None if run is None else run.id))
    yield changes


def _keep_batch(
    tables: Tables, registry: Registry, appointment: Appointment, now_ms: int
) -> Iterable[Changes]:
    function, changes = registry.by_id(appointment.function_id), Changes()
    drop = _obstacle(function)
    if drop is None:
        keep_batch(tables, changes, function, appointment, now_ms=now_ms)
    else:
        event_ids = tables.appointments.events(appointment)
        _decline_all(tables, changes, function, event_ids, drop, now_ms=now_ms)
        changes.kept.append((appointment, None))
    yield changes


def _decline_all(
    tables: Tables,
    changes: Changes,
    function: Function,
    event_ids: Iterable[str],
    decision: NotAdmitted,
    *,
    now_ms: int,
) -> None:
    for event_id in event_ids:
        decline(changes, Start(function=function, event=tables.events.get(event_id), now_ms=now_ms), decision)


def _obstacle(function: Function) -> Drop | None:
    """Return why events that were kept for a function start nothing after all."""
    if function.is_archived:
        return Drop(control=Control.REMOVED, reason="its app does not have it any more")
    return PAUSED if function.is_paused else None


def _keep_cron(
    tables: Tables, registry: Registry, appointment: Appointment, now_ms: int
) -> Iterable[Changes]:
    """Start a run for a tick; schedules of one function with the same tick start one together."""
    function, changes = registry.by_id(appointment.function_id), Changes()
    trigger = next((known for known in function.triggers if known.cron == appointment.key), None)
    if function.is_archived or trigger is None:
        changes.kept.append((appointment, None))
        yield changes
        return
    # Its id is the tick, so that another schedule with the same tick starts no second run.
    event = _timer_event(function, appointment, now_ms=now_ms)
    changes.events.append(event)
    consider(tables, changes, Start(function=function, event=event, now_ms=now_ms))
    coming = next_tick(function, trigger, after_ms=appointment.since_ms)
    # Ticks that passed meanwhile, on a machine that slept, are not made up for. One that is put off may be
    # due before the one that has just been: it comes now, which is within its jitter too.
    if coming.since_ms + trigger.jitter_ms <= now_ms:
        coming = next_tick(function, trigger, after_ms=now_ms)
    changes.appointments.append(coming)
    yield changes


def _timer_event(function: Function, appointment: Appointment, *, now_ms: int) -> Event:
    """Source: the event `inngest/scheduled.timer` as observed; its id is the tick."""
    tick = datetime.fromtimestamp(appointment.since_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    fired = datetime.fromtimestamp(now_ms / 1_000, UTC).isoformat(timespec="milliseconds")
    return Event(
        id=derived_ulid(now_ms, appointment.id, function.id),
        public_id=tick,
        name=SCHEDULED_TIMER,
        data={"cron": appointment.key, "scheduledAt": tick, "fireAt": fired.replace("+00:00", "Z")},
        user={},
        ts_ms=now_ms,
        received_ms=now_ms,
        source="cron",
    )


def _end_pause(
    tables: Tables, registry: Registry, appointment: Appointment, now_ms: int
) -> Iterable[Changes]:
    """Cancel what a function that is still paused had begun before."""
    open_ids = tables.runs.open_of_function(appointment.function_id)
    for run_id in open_ids[:_CANCELLED_AT_ONCE]:
        run = tables.runs.get(run_id)
        if run is not None and not run.status.is_terminal:
            reason = "because its function has been paused for 7 days"
            yield cancellation(tables, registry, run, reason=reason, now_ms=now_ms)
    changes = Changes()
    if len(open_ids) > _CANCELLED_AT_ONCE:
        changes.appointments.append(replace(appointment, due_ms=now_ms + 1))
    else:
        changes.kept.append((appointment, None))
    yield changes


_KEEP = {
    AppointmentKind.DEBOUNCE: _keep_debounce,
    AppointmentKind.BATCH: _keep_batch,
    AppointmentKind.CRON: _keep_cron,
    AppointmentKind.PAUSE: _end_pause,
}
