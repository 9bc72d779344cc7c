"""The two moves every path ends in: a step ends, and the function is called again."""

from __future__ import annotations

from dataclasses import replace

from durable_engine.model.changes import Changes, RunMode, StepWrite
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.run import Run
from durable_engine.model.status import StepStatus
from durable_engine.model.step import Step

PARALLEL_VERSION = 2
"""From this execution version on, a parallel group is followed by one discovery, not by one per step."""


def end_step(changes: Changes, run_id: str, step: Step, *, now_ms: int) -> None:
    """Record that a step ended. `step` carries its final status and memo."""
    # What a gateway step asked for may hold keys, which are of no use any more.
    detail = None if step.kind.is_gateway else step.detail
    ended = replace(step, ended_ms=now_ms, due_ms=None, detail=detail)
    changes.steps.append(StepWrite(run_id=run_id, step=ended))
    kind = HistoryKind.STEP_COMPLETED
    if step.status is StepStatus.FAILED:
        kind = HistoryKind.STEP_FAILED
    elif step.has_timed_out:
        kind = HistoryKind.STEP_TIMED_OUT
    changes.history.append(HistoryEntry(run_id=run_id, at_ms=now_ms, kind=kind, step_id=step.ref.id))


def call_again(changes: Changes, run: Run, *, is_alone: bool, now_ms: int) -> None:
    """Enqueue a discovery call: the function runs from the top with all memos so far.

    `is_alone`: nothing else of the run is queued, called or waited for. Only then may the SDK execute
    what it comes to at once; beside other work it plans, and a plan is carried out once.
    """
    changes.items.append(NewItem(run_id=run.id, kind=ItemKind.DISCOVER, due_ms=now_ms))
    if is_alone and run.plans_only and run.execution_version >= PARALLEL_VERSION:
        set_mode(changes, run, execution_version=run.execution_version, plans_only=False)


def set_mode(changes: Changes, run: Run, *, execution_version: int, plans_only: bool) -> None:
    """Record how the next calls are made."""
    changes.modes.append(RunMode(run_id=run.id, execution_version=execution_version, plans_only=plans_only))


def continues_after(step: Step, open_in_group: frozenset[str]) -> bool:
    """Whether the function goes on when `step` ends: nothing else of its group is open, or it won a race."""
    return step.ref.is_race or not open_in_group - {step.ref.id}
