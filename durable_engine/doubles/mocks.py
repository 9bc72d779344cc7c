"""What a mock makes of a step: the reply to its call, or the end of its wait. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from durable_engine.gateway.outcome import NULL_BODY_STATUSES
from durable_engine.ids import derived_ulid
from durable_engine.lifecycle.resume import invoke_timeout_error
from durable_engine.model.double import (
    Double,
    FaultKind,
    MockError,
    MockEvent,
    MockResult,
    MockTimeout,
    Outcome,
    Withheld,
    word_for,
)
from durable_engine.model.json_value import JSONObject, JSONValue, parse_stored, to_json
from durable_engine.model.op import (
    Invoke,
    Sleep,
    StepEnded,
    StepErrored,
    StepRan,
    StepRef,
    WaitForEvent,
    WaitForSignal,
)
from durable_engine.model.reply import Failed, Ops
from durable_engine.model.status import StepKind
from durable_engine.model.step import Step

Waiting: TypeAlias = Sleep | WaitForEvent | WaitForSignal | Invoke

MISFIT: Final = "DoubleMismatchError"
NOT_ON_RECORD: Final = "NotOnRecordError"
_FAULTS: Final = f"or a fault ({', '.join(FaultKind)})"
_ALLOWED: Final[Mapping[StepKind, str]] = {
    StepKind.SLEEP: "the result null, which skips the sleep",
    StepKind.WAIT_FOR_EVENT: "an event, or a timeout",
    StepKind.WAIT_FOR_SIGNAL: "a result (what comes with the signal), or a timeout",
    StepKind.INVOKE: "a result, an error, or a timeout",
    StepKind.FETCH: "a result with status_code, headers, body and url (each may be left out), an error, "
    + _FAULTS,
}
_WITH_CALL: Final = f"a result, an error, {_FAULTS}"
_REPLY_KEYS: Final = frozenset({"status_code", "headers", "body", "url"})


def reply_for(double: Double, outcome: Outcome, step: Step) -> Ops | Failed:
    """Return what a mock answers instead of the call that carries `step` out."""
    if isinstance(outcome, Withheld):
        return failed_step(step, _withheld(outcome, step.ref))
    if isinstance(outcome, MockError):
        return failed_step(step, outcome)
    if isinstance(outcome, MockResult):
        data = outcome.data
        if step.kind is StepKind.FETCH:
            fetched = _fetched(data, step)
            if fetched is None:
                return misfit(double, outcome, step.ref, step.kind)
            data = fetched
        return Ops(ops=(StepRan(step=step.ref, data=data, kind=step.kind),))
    return misfit(double, outcome, step.ref, step.kind)


def failed_step(step: Step, error: MockError) -> Ops:
    """Return the reply that a step failed."""
    names = {StepKind.FETCH: "GatewayError", StepKind.AI_GATEWAY: "AIGatewayError"}
    memo: JSONObject = {
        **error.more,
        "name": error.name or names.get(step.kind, "Error"),
        "message": error.message,
        "data": error.data,  # Go cannot read a memo of a failed step without this key
    }
    op = StepErrored(step=step.ref, error=memo, is_final=not error.is_retriable, kind=step.kind)
    return Ops(ops=(op,))


def ended(double: Double, outcome: Outcome, op: Waiting, *, run_id: str, now_ms: int) -> StepEnded | Failed:
    """Return how a mock ends what `op` asks for."""
    end: StepEnded | None = None
    match op:
        case Sleep():
            end = _end(op, None) if outcome == MockResult(data=None) else None
        case WaitForEvent() if isinstance(outcome, MockEvent):
            end = _end(op, _event(outcome, op, run_id=run_id, now_ms=now_ms))
        case WaitForSignal() if isinstance(outcome, MockResult):
            end = _end(op, {"data": {"signal": op.signal, "data": outcome.data}})
        case WaitForEvent() | WaitForSignal() if isinstance(outcome, MockTimeout):
            end = _end(op, None, has_timed_out=True)
        case Invoke():
            end = _end_invoke(op, outcome)
    return misfit(double, outcome, op.step, kind_of(op)) if end is None else end


def kind_of(op: Waiting) -> StepKind:
    """Return what an op does."""
    match op:
        case Sleep():
            return StepKind.SLEEP
        case WaitForEvent():
            return StepKind.WAIT_FOR_EVENT
        case WaitForSignal():
            return StepKind.WAIT_FOR_SIGNAL
        case Invoke():
            return StepKind.INVOKE


def asked(op: Waiting) -> JSONObject:
    """Return what a step that waits was asked to do, as answers show it."""
    match op:
        case Sleep():
            return {"until": op.until}
        case WaitForEvent():
            return {"event": op.event_name, "if": op.expression, "timeout": op.timeout}
        case WaitForSignal():
            return {"signal": op.signal, "timeout": op.timeout}
        case Invoke():
            return {"function": op.function, "data": op.data, "timeout": op.timeout}


def misfit(double: Double, outcome: Outcome, step: StepRef, kind: StepKind) -> Failed:
    """Say that a double cannot do its part: the run fails at once, before anything is made up."""
    message = (
        f"The {double.label} of this function cannot stand in for step {step.name!r}: its outcome "
        f"{word_for(outcome)!r} does not fit a step of kind {kind}. "
        f"Allowed there: {_ALLOWED.get(kind, _WITH_CALL)}."
    )
    return Failed(error={"name": MISFIT, "message": message}, is_retriable=False)


def _end_invoke(op: Invoke, outcome: Outcome) -> StepEnded | None:
    if isinstance(outcome, MockResult):
        return _end(op, {"data": outcome.data})
    if isinstance(outcome, Withheld):
        outcome = _withheld(outcome, op.step)
    if isinstance(outcome, MockError):
        message = outcome.message
        error: JSONObject = {"error": message, "name": outcome.name or "Error", "message": message}
        return replace(_end(op, {"error": error}), error=error)
    if isinstance(outcome, MockTimeout):
        error = invoke_timeout_error()
        return replace(_end(op, {"error": error}, has_timed_out=True), error=error)
    return None


def _withheld(outcome: Withheld, step: StepRef) -> MockError:
    if outcome.name is not None:
        return MockError(message=outcome.message, name=outcome.name, is_retriable=False, more=outcome.more)
    message = outcome.message.replace("{step}", repr(step.label))
    ours = {"name": NOT_ON_RECORD, "message": message}
    return MockError(name=ours["name"], message=ours["message"], is_retriable=False)


def _end(op: Waiting, memo: JSONValue, *, has_timed_out: bool = False) -> StepEnded:
    return StepEnded(
        step=op.step,
        kind=kind_of(op),
        memo=to_json(memo),
        detail=_detail(op),
        input=op.data if isinstance(op, Invoke) else None,
        has_timed_out=has_timed_out,
    )


def _detail(op: Waiting) -> JSONObject:
    """Return the detail that the step would have while it waits."""
    match op:
        case Sleep():
            return {"until": op.until}
        case WaitForEvent():
            return {"event": op.event_name, "expression": op.expression}
        case WaitForSignal():
            return {"signal": op.signal}
        case Invoke():
            return {"function": op.function}


def _event(mock: MockEvent, op: WaitForEvent, *, run_id: str, now_ms: int) -> JSONObject:
    return {
        "data": mock.data,
        "id": mock.id or derived_ulid(now_ms, run_id, op.step.id, "double"),
        "name": mock.name or op.event_name,
        "ts": now_ms if mock.ts_ms is None else mock.ts_ms,
        "user": {},
    }


def _fetched(data: JSONValue, step: Step) -> JSONObject | None:
    """Return what the SDK makes a response of; None when `data` cannot be one."""
    if not isinstance(data, dict) or not data.keys() <= _REPLY_KEYS:
        return None
    status, headers, body = data.get("status_code", 200), data.get("headers") or {}, data.get("body", "")
    is_status = isinstance(status, int) and not isinstance(status, bool) and 200 <= status <= 599
    if not is_status or not isinstance(headers, dict):
        return None
    text: str | None = body if isinstance(body, str) else to_json(body)
    if status in NULL_BODY_STATUSES:
        text = None
    return {
        "url": str(data.get("url") or _asked_url(step)),
        "headers": {str(name): str(value) for name, value in headers.items()},
        "body": text,
        "status_code": status,
    }


def _asked_url(step: Step) -> str:
    request = parse_stored(step.input)
    return str(request["url"]) if isinstance(request, dict) and "url" in request else ""
