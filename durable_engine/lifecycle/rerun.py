"""Repeat a run: from the start, or from one of its steps with what the steps before it returned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from durable_engine.lifecycle.facts import RunFacts
from durable_engine.lifecycle.start import start_run
from durable_engine.model.changes import Changes, RunMode, StepWrite
from durable_engine.model.event import Event
from durable_engine.model.json_value import JSONValue, to_json
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.status import StepStatus
from durable_engine.model.step import Step


def repeat_run(
    changes: Changes,
    original: RunFacts,
    *,
    run_id: str,
    kept: Sequence[Step] = (),
    first: Step | None = None,
    given: Sequence[JSONValue] | None = None,
    event: Event | None = None,
) -> None:
    """Add a run that repeats `original` to `changes`; it belongs to no parent.

    `kept` are steps whose results it takes over, in the order in which they ended. `first` is the step it
    then comes to, and `given` the arguments that this step gets instead of its own. `event` is a new one that
    starts it in the place of the original's.
    """
    now_ms = original.engine_ms
    others: list[Event] = []
    if event is None:
        event, *others = original.load_events()
    else:
        changes.events.append(event)
    run = start_run(
        changes,
        original.function,
        event,
        now_ms=now_ms,
        repeats=(run_id, original.run.id),
        more_events=[other.id for other in others],
    )
    for step in kept:
        changes.steps.append(StepWrite(run_id=run_id, step=replace(step, group_id=None)))
    if not kept and first is None:
        return
    version = original.run.execution_version
    changes.modes.append(RunMode(run_id=run.id, execution_version=version, plans_only=False))
    if first is not None and given is not None:
        asked = Step(
            ref=first.ref,
            kind=first.kind,
            status=StepStatus.QUEUED,
            queued_ms=now_ms,
            detail=to_json({"input": list(given)}),
            input=to_json(list(given)),
        )
        changes.steps.append(StepWrite(run_id=run_id, step=asked))
        changes.items = [item for item in changes.items if item.kind is not ItemKind.DISCOVER]
        changes.items.append(NewItem(run_id=run_id, kind=ItemKind.STEP, due_ms=now_ms, step_id=first.ref.id))


def steps_before(steps: Sequence[Step], first: Step) -> list[Step]:
    """Return the steps that had ended before `first` did, in the order in which they ended."""
    ended = [step for step in steps if step.position is not None]
    limit = first.position
    return sorted((step for step in ended if limit is None or _position(step) < limit), key=_position)


def _position(step: Step) -> int:
    return step.position or 0
