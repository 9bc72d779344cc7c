"""The state table: which status a run or a step may have, and every legal change of it.

The words are those of the Inngest REST API v2. `RUN_TRANSITIONS` and `STEP_TRANSITIONS` are the law;
the SQL guards repeat it (`... WHERE status IN (...)`), so a late worker changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from durable_engine.errors import IllegalTransitionError


class RunStatus(StrEnum):
    """Where a run is in its life."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended for good."""
        return not RUN_TRANSITIONS[self]


class StepStatus(StrEnum):
    """Where a step is in its life.

    QUEUED: planned, its call is due. RUNNING: its call is open. WAITING: asleep, waiting for an event,
    a child run, or its next attempt. COMPLETED and FAILED are memoized; CANCELLED means the run ended
    first.
    """

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether the step is memoized or abandoned."""
        return not STEP_TRANSITIONS[self]


class StepKind(StrEnum):
    """What a step does, as people name it."""

    RUN = "RUN"
    SLEEP = "SLEEP"
    WAIT_FOR_EVENT = "WAIT_FOR_EVENT"
    INVOKE = "INVOKE"
    SEND_EVENT = "SEND_EVENT"
    WAIT_FOR_SIGNAL = "WAIT_FOR_SIGNAL"
    FETCH = "FETCH"
    AI = "AI"
    AI_GATEWAY = "AI_GATEWAY"

    @property
    def is_gateway(self) -> bool:
        """Whether the engine itself carries the step out, by an HTTP request."""
        return self in {StepKind.FETCH, StepKind.AI_GATEWAY}


RUN_TRANSITIONS: Final[Mapping[RunStatus, frozenset[RunStatus]]] = MappingProxyType(
    {
        RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.CANCELLED}),
        RunStatus.RUNNING: frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}),
        RunStatus.COMPLETED: frozenset(),
        RunStatus.FAILED: frozenset(),
        RunStatus.CANCELLED: frozenset(),
    }
)

_OPEN_STEP: Final = frozenset(StepStatus) - {StepStatus.QUEUED}
STEP_TRANSITIONS: Final[Mapping[StepStatus, frozenset[StepStatus]]] = MappingProxyType(
    {
        StepStatus.QUEUED: _OPEN_STEP,
        StepStatus.RUNNING: _OPEN_STEP | {StepStatus.QUEUED},
        StepStatus.WAITING: _OPEN_STEP | {StepStatus.QUEUED},
        StepStatus.COMPLETED: frozenset(),
        StepStatus.FAILED: frozenset(),
        StepStatus.CANCELLED: frozenset(),
    }
)


def check_run_transition(before: RunStatus, after: RunStatus) -> None:
    """Raise IllegalTransitionError unless a run may go from `before` to `after`."""
    if after not in RUN_TRANSITIONS[before]:
        raise IllegalTransitionError(f"a run cannot go from {before} to {after}")
