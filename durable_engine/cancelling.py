"""Cancel runs: which ones an event cancels, and the decision itself with what it needs to know."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from durable_engine.durations import format_duration
from durable_engine.expressions import compile_expression
from durable_engine.lifecycle import finish
from durable_engine.lifecycle.facts import RunFacts
from durable_engine.model.changes import Changes
from durable_engine.model.event import Event, EventEffect
from durable_engine.model.function import Function
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus
from durable_engine.registry import Registry
from durable_engine.standing import standings
from durable_engine.storage.tables import Tables

BY_REQUEST: Final = "by request"
"""Why a run was cancelled that somebody asked to cancel: the end of a sentence."""


def run_facts(tables: Tables, registry: Registry, run: Run, *, now_ms: int) -> RunFacts:
    """Load what ending a run needs to know."""
    return RunFacts(
        run=run,
        function=registry.by_id(run.function_id),
        load_events=partial(tables.events_of, run),
        now_ms=run.at(now_ms),
    )


def cancellation(tables: Tables, registry: Registry, run: Run, *, reason: str, now_ms: int) -> Changes:
    """Decide to cancel a run that has not ended.

    Calls in flight are not stopped, as the code of a step runs to its end; their answers are dropped.
    """
    changes = Changes()
    finish.cancel(changes, run_facts(tables, registry, run, now_ms=now_ms), reason=reason)
    return changes


def too_late(tables: Tables, registry: Registry, run: Run, *, now_ms: int) -> Changes:
    """Decide to cancel a run because one of its function's time-outs has passed."""
    reason = _time_out(run, registry.by_id(run.function_id))
    held = next(iter(standings(tables, run.id, now_ms=now_ms)), None)
    if held is not None and run.status is RunStatus.QUEUED:
        reason += f": {held.reason}"
    return cancellation(tables, registry, run, reason=reason, now_ms=now_ms)


def _time_out(run: Run, function: Function) -> str:
    """Say which time-out has passed; a sync may have changed its length meanwhile."""
    is_start = run.status is RunStatus.QUEUED
    limit_ms = function.start_timeout_ms if is_start else function.finish_timeout_ms
    limit = f" of {format_duration(limit_ms)}" if limit_ms is not None else ""
    if is_start:
        return f"because it did not start within timeouts.start{limit}"
    return f"because it did not end within timeouts.finish{limit}"


def cancelled_by(tables: Tables, registry: Registry, event: Event, *, now_ms: int) -> Iterator[Changes]:
    """Yield the cancellation of each run that the event cancels; each must be written before the next.

    A run is not cancelled by the event that started it.
    """
    payload = event.as_payload()
    for trigger in tables.pauses.cancel_candidates(event.name, payload, now_ms=now_ms):
        run = tables.runs.get(trigger.run_id)
        if run is None or run.status.is_terminal or run.event_id == event.id:
            continue
        if trigger.expression is not None:
            scope = tables.wait_scope(run, payload)
            if not compile_expression(trigger.expression).matches(scope, now_ms=run.at(now_ms)):
                continue
        reason = f"by event {event.name!r} ({event.id}), as cancelOn of its function asks"
        changes = cancellation(tables, registry, run, reason=reason, now_ms=now_ms)
        changes.effects.append(EventEffect(event_id=event.id, run_id=run.id))
        yield changes
