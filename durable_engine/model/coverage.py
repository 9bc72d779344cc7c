"""What the recorded runs of a function have shown so far, and what they have not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from durable_engine.model.function import Function
from durable_engine.model.status import RunStatus, StepKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCoverage:
    """How often steps of one name did what, over all runs; repeats in loops are counted one by one.

    `runs` is how many runs had it. Results that a rerun took over or that were edited are in `not_run` alone.
    `retried` counts steps that needed more than one attempt, `doubled` those for which a mock or a fault
    stood in. Of waits, `completed` are those that got what they waited for.
    """

    name: str
    kind: StepKind
    runs: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    timed_out: int = 0
    cancelled: int = 0
    open: int = 0
    doubled: int = 0
    not_run: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """After the step `before` (None: at the start) came `after` (None: the end), in so many runs."""

    before: str | None
    after: str | None
    runs: int


class GapKind(StrEnum):
    """What was never seen."""

    STEP_FAILED = "stepFailed"
    STEP_RETRIED = "stepRetried"
    WAIT_TIMED_OUT = "waitTimedOut"
    WAIT_SATISFIED = "waitSatisfied"
    RUN_COMPLETED = "runCompleted"
    RUN_FAILED = "runFailed"
    FAILURE_HANDLER = "failureHandler"
    CANCEL_ON = "cancelOn"
    TIMEOUT = "timeout"
    TRIGGER = "trigger"
    FLOW_CONTROL = "flowControl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that was never seen; `subject` is the step, trigger, event or control, where it has one."""

    kind: GapKind
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the newest `runs` recorded runs of a function have shown.

    `has_more`: there are older ones that were not looked at. `cancelled_by` counts cancelled runs by what
    cancelled them (`event`, `timeout`, `request`, ...); `triggers` are the names of events and the schedules
    that started runs, `controls` how often flow control decided or held something. `failed_outside_steps` are
    runs that failed though no step did. `untraced` counts runs of another server that tells nothing of their
    steps; they are not among `runs`.
    """

    function: Function
    runs: int
    has_more: bool
    outcomes: Mapping[RunStatus, int]
    steps: tuple[StepCoverage, ...]
    branches: tuple[Branch, ...]
    gaps: tuple[Gap, ...]
    failed_outside_steps: int
    handler_runs: int
    cancelled_by: Mapping[str, int]
    triggers: Mapping[str, int]
    controls: Mapping[str, int]
    untraced: int = 0
