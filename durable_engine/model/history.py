"""The record of what happened to a run, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from durable_engine.model.json_value import JSONObject


class HistoryKind(StrEnum):
    """What happened."""

    RUN_QUEUED = "run.queued"
    RUN_STARTED = "run.started"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    RUN_REPAIRED = "run.repaired"
    CALL_FAILED = "call.failed"
    STEP_PLANNED = "step.planned"
    STEP_WAITING = "step.waiting"
    STEP_ERRORED = "step.errored"
    STEP_COMPLETED = "step.completed"
    STEP_FAILED = "step.failed"
    STEP_TIMED_OUT = "step.timed_out"
    STEP_EDITED = "step.edited"
    HELD = "call.held"
    DOUBLED = "step.doubled"
    NOTE = "run.note"
    HANDLE_GIVEN = "handle.given"
    HANDLE_DROPPED = "handle.dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One thing that happened to a run; `attempt` counts from 0."""

    run_id: str
    at_ms: int
    kind: HistoryKind
    step_id: str | None = None
    attempt: int | None = None
    detail: JSONObject = field(default_factory=dict)
