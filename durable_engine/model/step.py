"""A step as stored."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.model.op import StepRef
from durable_engine.model.status import StepKind, StepStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a run. `memo`, `error`, `input` and `detail` are JSON text.

    `memo` is what the SDK gets back in later calls; it is set exactly once, when the step ends.
    `group_id` ties together steps that were planned in one reply: the function is called again only
    when all of them have ended. `detail` says what a waiting step waits for. `due_ms` is when it ends
    by itself. `position` counts ended steps of the run from 1.
    """

    ref: StepRef
    kind: StepKind
    status: StepStatus
    queued_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    attempts: int = 0
    group_id: int | None = None
    memo: str | None = None
    error: str | None = None
    input: str | None = None
    detail: str | None = None
    due_ms: int | None = None
    has_timed_out: bool = False
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else the run of a waiting step is up to.

    `open_in_group` are the unfinished steps planned together with it, itself included. `is_alone`: no
    other step or call of the run is queued, called or waited for.
    """

    open_in_group: frozenset[str]
    is_alone: bool
