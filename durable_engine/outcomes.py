"""What an event did, short enough for a list of events: who sent it, which runs it started, or why none."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durable_engine.inspection import existing_run, not_started
from durable_engine.model.event import LIFECYCLE_EVENTS, Event, EventSender
from durable_engine.model.records import EventRecord, RunFilter
from durable_engine.model.run import Run
from durable_engine.registry import Registry
from durable_engine.storage.tables import Tables

MAX_RUNS: Final = 20
"""Runs that are named of one event; all are counted."""
_MOST_COUNTED: Final = 1_000


def event_record(tables: Tables, registry: Registry, event: Event) -> EventRecord:
    """Return an event with what it did until now."""
    wanted = RunFilter(event_id=event.id, oldest_first=True)
    ids = tables.run_lists.ids(wanted, functions=None, after=None, limit=_MOST_COUNTED)
    missed = not_started(tables, event.id)
    # Starts that were put off or merged have a run of another event, too.
    ids += [entry.run_id for entry in missed if entry.run_id is not None and entry.decision != "drop"]
    ids = list(dict.fromkeys(ids))
    runs = list(filter(None, map(tables.runs.get_lean, ids[:MAX_RUNS])))
    effects = tables.effects.of_event(event.id, limit=_MOST_COUNTED)
    return EventRecord(
        event=event,
        sender=_sender(tables, event, runs[0] if runs else None),
        runs=tuple(existing_run(registry, run) for run in runs),
        run_count=len(ids),
        missed=missed,
        woken=sum(effect.step_id is not None for effect in effects),
        cancelled=sum(effect.step_id is None for effect in effects),
        listeners=tuple(function.slug for function, _ in registry.listening_to(event.name)),
    )


def _sender(tables: Tables, event: Event, run: Run | None) -> EventSender | None:
    """Return the run, and where there is one the step, from which an event comes, as far as is known."""
    found = tables.events.sender(event.id)
    if event.name in LIFECYCLE_EVENTS:
        found = EventSender(event_id=event.id, run_id=str(event.data.get("run_id", "")))
    elif event.source == "invoke" and run is not None and run.parent_run_id is not None:
        found = EventSender(event_id=event.id, run_id=run.parent_run_id, step_id=run.parent_step_id)
    elif event.source == "rerun" and run is not None and run.original_run_id is not None:
        found = EventSender(event_id=event.id, run_id=run.original_run_id)
    if found is None or found.step_id is None:
        return found
    return replace(found, step_name=tables.steps.name(found.run_id, found.step_id))
