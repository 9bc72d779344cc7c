"""What the runs of a function have never shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from durable_engine.coverage.tally import Tally
from durable_engine.model.coverage import Gap, GapKind, StepCoverage
from durable_engine.model.decision import Control
from durable_engine.model.function import Function, Trigger
from durable_engine.model.status import RunStatus, StepKind

_CAN_FAIL: Final = frozenset(
    {
        StepKind.RUN,
        StepKind.AI,
        StepKind.SEND_EVENT,
        StepKind.INVOKE,
        StepKind.FETCH,
        StepKind.AI_GATEWAY,
    }
)
_WAITS: Final = frozenset({StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL})


def find_gaps(function: Function, tally: Tally, *, has_handler: bool) -> tuple[Gap, ...]:
    """Return what was never seen, what is most worth a test first."""
    steps = tally.steps()
    return (
        *_of_runs(function, tally, has_handler=has_handler),
        *(gap for step in steps for gap in _of_step(step, retries=function.retries)),
        *_of_triggers(function, tally.triggers),
        *_of_controls(function, tally.controls),
    )


def controls_of(function: Function) -> Sequence[str]:
    """Return the names of the controls that a function has and that can hold or decide something."""
    flow = function.flow
    configured = {
        Control.CONCURRENCY: bool(flow.concurrency),
        Control.THROTTLE: flow.throttle is not None,
        Control.RATE_LIMIT: flow.rate_limit is not None,
        Control.DEBOUNCE: flow.debounce is not None,
        Control.BATCH: flow.batch is not None,
        Control.SINGLETON: flow.singleton is not None,
        Control.IDEMPOTENCY: flow.idempotency is not None,
    }
    return [control.value for control, is_there in configured.items() if is_there]


def _of_runs(function: Function, tally: Tally, *, has_handler: bool) -> Iterator[Gap]:
    if not tally.outcomes[RunStatus.COMPLETED]:
        yield Gap(kind=GapKind.RUN_COMPLETED)
    if not tally.outcomes[RunStatus.FAILED]:
        yield Gap(kind=GapKind.RUN_FAILED)
    if has_handler and not tally.handler_runs:
        yield Gap(kind=GapKind.FAILURE_HANDLER)
    if function.cancels and not tally.cancelled_by["event"]:
        for cancel in function.cancels:
            yield Gap(kind=GapKind.CANCEL_ON, subject=cancel.event)
    if function.has_timeouts and not tally.cancelled_by["timeout"]:
        yield Gap(kind=GapKind.TIMEOUT)


def _of_step(step: StepCoverage, *, retries: int) -> Iterator[Gap]:
    if step.kind in _CAN_FAIL:
        if not step.failed and not (step.kind is StepKind.INVOKE and step.timed_out):
            yield Gap(kind=GapKind.STEP_FAILED, subject=step.name)
        if not step.retried and retries and step.kind is not StepKind.INVOKE:
            yield Gap(kind=GapKind.STEP_RETRIED, subject=step.name)
    if step.kind in _WAITS and not step.completed:
        yield Gap(kind=GapKind.WAIT_SATISFIED, subject=step.name)
    if (step.kind in _WAITS or step.kind is StepKind.INVOKE) and not step.timed_out:
        yield Gap(kind=GapKind.WAIT_TIMED_OUT, subject=step.name)


def _of_triggers(function: Function, used: Mapping[str, int]) -> Iterator[Gap]:
    for trigger in function.triggers:
        if not any(_is_of(trigger, name) for name in used):
            yield Gap(kind=GapKind.TRIGGER, subject=trigger.event or trigger.cron)


def _is_of(trigger: Trigger, name: str) -> bool:
    return name == trigger.cron or trigger.matches_name(name)


def _of_controls(function: Function, seen: Mapping[str, int]) -> Iterator[Gap]:
    for control in controls_of(function):
        if not seen.get(control):
            yield Gap(kind=GapKind.FLOW_CONTROL, subject=control)
