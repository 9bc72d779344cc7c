"""The spans of a trace as the steps of a run; whatever a server leaves out is left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from durable_engine.model.json_value import JSONObject
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.views import FailedAttempt, StepView, WaitingFor
from mcp_server.remote.reading import an_object, moment, objects, text, texts
from mcp_server.remote.statuses import step_kind, step_status
from mcp_server.remote.values import error_in, unwrapped

_ATTEMPT: Final = re.compile(r"attempt\D{0,3}(\d{1,6})", re.IGNORECASE)
_DEEPEST: Final = 20
_WAITS: Final = {
    StepKind.SLEEP: "sleep",
    StepKind.WAIT_FOR_EVENT: "event",
    StepKind.INVOKE: "invoke",
    StepKind.WAIT_FOR_SIGNAL: "signal",
}

_FROM_OUTSIDE: Final = frozenset({StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL})


def steps_of(root: JSONObject) -> tuple[StepView, ...]:
    """Return the steps of a run, in the order of its trace."""
    repeats: Counter[str] = Counter()
    steps = []
    for span in _step_spans(root):
        name = text(span, "name") or text(span, "stepId") or "step"
        steps.append(_step(span, name, repeats[name]))
        repeats[name] += 1
    return tuple(steps)


def failures_of(root: JSONObject) -> tuple[FailedAttempt, ...]:
    """Return the failed calls that no step accounts for."""
    return _failed(root, None)


def _step_spans(span: JSONObject, depth: int = 0) -> Iterator[JSONObject]:
    for child in objects(span.get("children")):
        if text(child, "stepId") or text(child, "stepOp"):
            yield child
        elif depth < _DEEPEST and _number(child) is None:
            yield from _step_spans(child, depth + 1)


def _step(span: JSONObject, name: str, index: int) -> StepView:
    step_id = text(span, "stepId") or text(span, "id") or name
    ended_ms = moment(span, "endedAt")
    status = step_status(span.get("status"), has_ended=ended_ms is not None)
    kind = step_kind(span.get("stepOp"))
    started_ms = moment(span, "startedAt")
    failures = _failed(span, step_id)
    output = span.get("output")
    is_failed = status is StepStatus.FAILED
    error = error_in(output) if is_failed else (failures[-1].error if failures else None)
    attempts = max(sum(_number(child) is not None for child in objects(span.get("children"))), len(failures))
    children = texts(span.get("childRunIds"))
    return StepView(
        id=step_id,
        name=name,
        index=index,
        kind=kind,
        status=status,
        queued_ms=moment(span, "queuedAt", "startedAt", "endedAt") or 0,
        started_ms=started_ms,
        ended_ms=ended_ms,
        attempts=attempts or int(started_ms is not None or ended_ms is not None),
        input=unwrapped(span.get("input")),
        output=unwrapped(output) if status is StepStatus.COMPLETED else None,
        error=None if status is StepStatus.COMPLETED else error,
        # An event or a signal is an object.
        has_timed_out=status is StepStatus.COMPLETED and kind in _FROM_OUTSIDE and unwrapped(output) is None,
        failures=failures,
        waiting_for=_wait(kind, step_id, name, children, has_failed=bool(failures))
        if status is StepStatus.WAITING
        else None,
        child_run_id=children[0] if children else None,
    )


def _wait(
    kind: StepKind, step_id: str, name: str, children: tuple[str, ...], *, has_failed: bool
) -> WaitingFor | None:
    """Return what a step waits for, as far as its kind tells; nobody says until when."""
    what = _WAITS.get(kind) or ("retry" if has_failed else None)
    if what is None:
        return None
    return WaitingFor(kind=what, step_id=step_id, step_name=name, run_id=children[0] if children else None)


def _failed(span: JSONObject, step_id: str | None) -> tuple[FailedAttempt, ...]:
    found = []
    for child in objects(span.get("children")):
        number = _number(child)
        at_ms = moment(child, "endedAt", "startedAt", "queuedAt")
        is_failed = step_status(child.get("status"), has_ended=at_ms is not None) is StepStatus.FAILED
        if number is None or not is_failed:
            continue
        error = error_in(child.get("output")) or {"message": "(the server says no more)"}
        found.append(FailedAttempt(attempt=number, at_ms=at_ms or 0, error=error, step_id=step_id))
    return tuple(found)


def _number(span: JSONObject) -> int | None:
    """Return the number of an attempt; None for a span that is none."""
    if text(span, "stepId") or text(span, "stepOp"):
        return None
    match = _ATTEMPT.match(text(span, "name") or "")
    return None if match is None else int(match[1])


def root_of(trace: JSONObject) -> JSONObject:
    """Return the span of the run itself, an empty one where there is no trace."""
    return an_object(trace.get("rootSpan"))
