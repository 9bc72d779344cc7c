"""Turn what is known of a run into spans: the run, its steps, their attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from durable_engine.ids import span_id
from durable_engine.model.records import Span, SpanStatus
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.views import FailedAttempt, RunView, StepView

_OF_RUN: Final[Mapping[RunStatus, SpanStatus]] = {
    RunStatus.QUEUED: SpanStatus.WAITING,
    RunStatus.RUNNING: SpanStatus.RUNNING,
    RunStatus.COMPLETED: SpanStatus.COMPLETED,
    RunStatus.FAILED: SpanStatus.FAILED,
    RunStatus.CANCELLED: SpanStatus.CANCELLED,
}
_OF_STEP: Final[Mapping[StepStatus, SpanStatus]] = {
    StepStatus.QUEUED: SpanStatus.WAITING,
    StepStatus.RUNNING: SpanStatus.RUNNING,
    StepStatus.WAITING: SpanStatus.WAITING,
    StepStatus.COMPLETED: SpanStatus.COMPLETED,
    StepStatus.FAILED: SpanStatus.FAILED,
    StepStatus.CANCELLED: SpanStatus.CANCELLED,
}


def root_span(run: RunView, children: Mapping[str, Sequence[str]]) -> Span:
    """Return the span of a run with those of its steps; `children` are invoked runs by step id.

    Attempts that no step accounts for are children of the run itself, before its steps.
    """
    attempts = tuple(
        _failed(span_id(run.id, "", str(place)), failure, run.queued_ms)
        for place, failure in enumerate(run.failures)
    )
    return Span(
        id=span_id(run.id),
        name=run.function_name,
        status=_OF_RUN[run.status],
        queued_ms=run.queued_ms,
        started_ms=run.started_ms,
        ended_ms=run.ended_ms,
        input=run.event.as_payload(),
        output=run.output,
        error=run.error if run.status is RunStatus.FAILED else None,
        children=attempts + tuple(_step(run.id, step, children.get(step.id, ())) for step in run.steps),
    )


def _step(run_id: str, step: StepView, child_run_ids: Sequence[str]) -> Span:
    return Span(
        id=span_id(run_id, step.id),
        name=step.name,
        status=_OF_STEP[step.status],
        queued_ms=step.queued_ms,
        started_ms=step.started_ms,
        ended_ms=step.ended_ms,
        kind=step.kind,
        step_id=step.id,
        input=step.input,
        output=step.output,
        error=step.error,
        child_run_ids=tuple(child_run_ids) if step.kind is StepKind.INVOKE else (),
        children=_attempts(run_id, step),
    )


def _attempts(run_id: str, step: StepView) -> tuple[Span, ...]:
    """Return the attempts of a step once one has failed, each queued when the one before it ended."""
    spans: list[Span] = []
    queued_ms = step.queued_ms
    # Several calls may have failed at their first attempt, so that only the place is one's own.
    for place, failure in enumerate(step.failures):
        spans.append(_failed(span_id(run_id, step.id, str(place)), failure, queued_ms))
        queued_ms = failure.at_ms
    if spans and step.status is StepStatus.COMPLETED:
        number = (spans[-1].attempt or 0) + 1
        spans.append(
            Span(
                id=span_id(run_id, step.id, str(len(spans))),
                name=f"Attempt {number}",
                status=SpanStatus.COMPLETED,
                queued_ms=queued_ms,
                ended_ms=step.ended_ms,
                attempt=number,
                output=step.output,
            )
        )
    return tuple(spans)


def _failed(span: str, failure: FailedAttempt, queued_ms: int) -> Span:
    return Span(
        id=span,
        name=f"Attempt {failure.attempt}",
        status=SpanStatus.FAILED,
        queued_ms=queued_ms,
        ended_ms=failure.at_ms,
        attempt=failure.attempt,
        error=failure.error,
    )
