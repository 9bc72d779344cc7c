"""Cron: when the schedules of functions tick next, as durable appointments."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from durable_engine.errors import InvalidCronError
from durable_engine.ids import derived_ulid
from durable_engine.model.appointment import Appointment, AppointmentKind
from durable_engine.model.function import Function, Trigger
from durable_engine.schedules import Schedule, jittered_ms
from durable_engine.storage.tables import Tables

logger = logging.getLogger(__name__)


def plan_crons(
    tables: Tables, functions: Iterable[Function], *, now_ms: int, skips_missed: bool = False
) -> None:
    """Make the appointments that the schedules of all functions ask for, and drop those they do not.

    `skips_missed`: ticks are not made up for that nobody has kept, and none is far ahead of a clock that was.
    """
    wanted = {
        (function.id, trigger.cron): (function, trigger)
        for function in functions
        for trigger in function.triggers
        if trigger.cron is not None
    }
    for known in tables.appointments.of_kind(AppointmentKind.CRON):
        if (known.function_id, known.key) not in wanted:
            tables.appointments.close(known)
        elif not skips_missed or known.since_ms <= now_ms < known.due_ms:
            del wanted[known.function_id, known.key]
    for function, trigger in wanted.values():
        try:
            tables.appointments.save(next_tick(function, trigger, after_ms=now_ms))
        except InvalidCronError as fault:  # kept by a version that did not check schedules
            logger.warning("the schedule %r of %s is not kept: %s", trigger.cron, function.slug, fault)


def next_tick(function: Function, trigger: Trigger, *, after_ms: int) -> Appointment:
    """Return the next tick of a schedule after a time, moved by its jitter."""
    cron = trigger.cron or ""
    tick_ms = Schedule.parse(cron).next_after_ms(after_ms)
    return Appointment(
        id=derived_ulid(tick_ms, function.id, cron),
        kind=AppointmentKind.CRON,
        function_id=function.id,
        key=cron,
        due_ms=jittered_ms(tick_ms, trigger.jitter_ms, function.id, cron),
        since_ms=tick_ms,
    )
