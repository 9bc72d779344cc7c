"""Start a run: for an event that triggers a function, or for a step that invokes one."""

from __future__ import annotations

from durable_engine.ids import derived_ulid
from durable_engine.model.changes import Changes
from durable_engine.model.event import Event, StartedRun
from durable_engine.model.function import Function
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus


def start_run(
    changes: Changes,
    function: Function,
    event: Event,
    *,
    now_ms: int,
    due_ms: int | None = None,
    parent: tuple[str, str] | None = None,
) -> Run:
    """Add a new run to `changes` and return it.

    `due_ms` delays the first call. `parent` is (run id, step id) of the invoking step.
    """
    due_ms = now_ms if due_ms is None else max(due_ms, now_ms)
    parent_run_id, parent_step_id = parent or (None, None)
    run = Run(
        id=derived_ulid(now_ms, event.id, function.id),
        function_id=function.id,
        event_id=event.id,
        status=RunStatus.QUEUED,
        queued_ms=now_ms,
        parent_run_id=parent_run_id,
        parent_step_id=parent_step_id,
    )
    changes.new_runs.append(run)
    changes.items.append(NewItem(run_id=run.id, kind=ItemKind.DISCOVER, due_ms=due_ms))
    changes.history.append(HistoryEntry(run_id=run.id, at_ms=now_ms, kind=HistoryKind.RUN_QUEUED))
    changes.started.append(
        StartedRun(run_id=run.id, function_slug=function.slug, status=run.status, due_ms=due_ms)
    )
    return run
