"""A step as if it had ended otherwise: the result that a repeated run gets for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durable_engine.errors import InvalidInputError
from durable_engine.lifecycle.resume import invoke_timeout_error
from durable_engine.model.json_value import JSONObject, JSONValue, parse_stored, to_json
from durable_engine.model.rerun import StepOutcome
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.step import Step

_WAITS: Final = frozenset({StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL, StepKind.INVOKE})
_NEVER_FAIL: Final = frozenset({StepKind.SLEEP, StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL})
_ERROR_KEYS: Final = ("name", "message", "stack", "data", "cause")
_FETCHED: Final[JSONObject] = {"status_code": 200, "headers": {}, "body": "", "url": ""}


def as_if_ended(step: Step, outcome: StepOutcome, *, event_id: str, now_ms: int) -> Step:
    """Return the step with another outcome; `event_id` is for an event that never came.

    Raises:
        InvalidInputError: a step of this kind cannot end so; the message says how it can.
    """
    error = _error(step, outcome)
    if error is not None:
        memo: JSONValue = {"error": error}
    elif outcome.has_timed_out:
        memo = None
    else:
        memo = _result(step, outcome.result, event_id=event_id, now_ms=now_ms)
    return replace(
        step,
        status=StepStatus.COMPLETED if error is None else StepStatus.FAILED,
        memo=_json(step, memo),
        error=None if error is None else to_json(error),
        has_timed_out=outcome.has_timed_out,
        queued_ms=now_ms,
        started_ms=now_ms,
        ended_ms=now_ms,
        due_ms=None,
    )


def _error(step: Step, outcome: StepOutcome) -> JSONObject | None:
    if outcome.has_timed_out:
        if step.kind not in _WAITS:
            raise InvalidInputError(
                f"Step {step.ref.name!r} ({step.kind}) cannot time out.",
                hint="Give a result or an error; only waits and invokes time out.",
            )
        return invoke_timeout_error() if step.kind is StepKind.INVOKE else None
    if outcome.error is None:
        return None
    if step.kind in _NEVER_FAIL:
        how = "can only end" if step.kind is StepKind.SLEEP else "returns something or times out"
        raise InvalidInputError(
            f"Step {step.ref.name!r} ({step.kind}) cannot fail: it {how}.",
            hint="Give a result" + ("." if step.kind is StepKind.SLEEP else " or a timeout."),
        )
    error: JSONObject = {key: outcome.error[key] for key in _ERROR_KEYS if key in outcome.error}
    # SDKs read an error without a name as data.
    error["name"] = str(error.get("name") or "Error")
    error["message"] = str(error.get("message") or "")
    return error


def _result(step: Step, result: JSONValue, *, event_id: str, now_ms: int) -> JSONValue:
    match step.kind:
        case StepKind.SLEEP:
            if result is not None:
                raise InvalidInputError(
                    f"Step {step.ref.name!r} is a sleep, which returns nothing.",
                    hint="Give null as its result.",
                )
            return None
        case StepKind.WAIT_FOR_EVENT:
            return _event(step, result, event_id=event_id, now_ms=now_ms)
        case StepKind.WAIT_FOR_SIGNAL:
            signal = (parse_stored(step.detail) or {}).get("signal")
            return {"data": {"signal": signal, "data": result}}
        case StepKind.FETCH:
            given = result if isinstance(result, dict) else {"body": result}
            if not isinstance(given.get("body", ""), str):
                given = {**given, "body": _json(step, given["body"])}
            return {"data": {**_FETCHED, **given}}
        case _:
            return {"data": result}


def _event(step: Step, data: JSONValue, *, event_id: str, now_ms: int) -> JSONObject:
    if not isinstance(data, dict):
        raise InvalidInputError(
            f"Step {step.ref.name!r} waits for an event, whose data is an object.",
            hint='Give the data of the event, such as {"approved": true}, or a timeout.',
        )
    came = parse_stored(step.memo)
    if isinstance(came, dict):
        return {**came, "data": data}
    name = (parse_stored(step.detail) or {}).get("event")
    return {"data": data, "id": event_id, "name": name, "ts": now_ms, "user": {}}


def _json(step: Step, memo: JSONValue) -> str:
    try:
        return to_json(memo)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError(f"The outcome of step {step.ref.name!r} cannot be written as JSON.") from None
