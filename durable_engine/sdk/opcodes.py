"""Read the opcodes of a 206 answer into ops.

Source: opcodes of the Inngest SDKs as observed; unknown keys are ignored, opcodes compare without case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from durable_engine.model.json_value import JSONObject, JSONValue, storable_text
from durable_engine.model.op import (
    Gateway,
    Invoke,
    Op,
    RunReturned,
    Sleep,
    StepErrored,
    StepPlanned,
    StepRan,
    StepRef,
    Unsupported,
    WaitForEvent,
    WaitForSignal,
)
from durable_engine.model.status import StepKind

_KINDS: Final[Mapping[str, StepKind]] = {
    "step.sendevent": StepKind.SEND_EVENT,
    "step.ai.wrap": StepKind.AI,
    "step.ai.infer": StepKind.AI,
}
_MEMO_ERROR_KEYS: Final = ("name", "message", "stack", "data", "cause")
_IGNORED: Final = frozenset({"none", "deferadd", "deferabort"})
"""Deferred calls are not carried out yet; they never fail the run that asks for them."""
FUNCTION_ID: Final = hashlib.sha1(b"complete", usedforsecurity=False).hexdigest()
"""Id of an op that speaks of the function itself, not of a step."""
_MAX_INDEX: Final = 2**31


class OpcodeError(ValueError):
    """An SDK's answer has opcodes that cannot be read."""


def read_ops(body: JSONValue) -> tuple[Op, ...]:
    """Read one opcode or a list of them.

    Raises:
        OpcodeError: not an opcode or a list of opcodes; the message says what came instead.
    """
    entries = [body] if isinstance(body, dict) else body
    if not isinstance(entries, list):
        raise OpcodeError(f"expected a list of opcodes, got {type(body).__name__}")
    return tuple(op for entry in entries if (op := _read_op(entry)) is not None)


def memo_error(error: JSONValue) -> JSONObject:
    """Reduce an error to what a memo keeps; a `name` is always there, or SDKs read it as data."""
    if not isinstance(error, dict):
        return {"name": "Error", "message": str(error) if error else "Unknown error"}
    kept: JSONObject = {key: error[key] for key in _MEMO_ERROR_KEYS if error.get(key) is not None}
    if "data" in error:
        kept["data"] = error["data"]  # Go cannot read a memo of a failed step without this key
    kept["name"] = str(kept.get("name") or "Error")
    kept["message"] = str(kept.get("message") or "")
    return kept


def _read_op(entry: JSONValue) -> Op | None:
    if not isinstance(entry, dict):
        raise OpcodeError(f"expected an opcode object, got {type(entry).__name__}")
    opcode = entry.get("op")
    if not isinstance(opcode, str):
        raise OpcodeError("an opcode has no `op`")
    if opcode.lower() in _IGNORED:
        return None
    if opcode.lower() == "runcomplete":
        return RunReturned(data=entry.get("data"))
    reader = _READERS.get(opcode.lower())
    step = _step_ref(entry)
    return reader(entry, step) if reader else Unsupported(step=step, opcode=opcode)


def _step_ref(entry: dict[str, Any]) -> StepRef:
    step_id = entry.get("id")
    if not isinstance(step_id, str) or not step_id:
        raise OpcodeError("an opcode has no `id`")
    userland = entry.get("userland")
    userland = userland if isinstance(userland, dict) else {}
    name = userland.get("id") or entry.get("displayName") or entry.get("name") or step_id
    return StepRef(
        id=storable_text(step_id),
        name=storable_text(str(name)),
        index=_index(userland.get("index")),
        is_race=str(_options(entry).get("parallelMode") or "").lower() == "race",
    )


def _index(value: JSONValue) -> int:
    try:
        index = int(value or 0)
    except (TypeError, ValueError):
        return 0
    return index if 0 <= index < _MAX_INDEX else 0


def _options(entry: dict[str, Any]) -> dict[str, Any]:
    options = entry.get("opts")
    return options if isinstance(options, dict) else {}


def _kind(entry: dict[str, Any]) -> StepKind:
    return _KINDS.get(str(_options(entry).get("type") or "").lower(), StepKind.RUN)


def _text(value: JSONValue) -> str | None:
    return None if value is None else storable_text(str(value))


def _step_run(entry: dict[str, Any], step: StepRef) -> Op:
    data = entry.get("data")
    return StepRan(
        step=step,
        data=data,
        kind=_kind(entry),
        input=_options(entry).get("input"),
        duration_ms=_duration_ms(entry.get("timing")),
    )


def _duration_ms(timing: JSONValue) -> int | None:
    """Return how long a step ran: `b` of its timing, in nanoseconds."""
    length = timing.get("b") if isinstance(timing, dict) else None
    if isinstance(length, bool) or not isinstance(length, int | float) or not 0 <= length < 2**63:
        return None
    return int(length // 1_000_000)


def _errored(entry: dict[str, Any], step: StepRef, error: JSONObject, *, is_final: bool) -> Op:
    return StepErrored(
        step=step,
        error=error,
        is_final=is_final,
        kind=_kind(entry),
        duration_ms=_duration_ms(entry.get("timing")),
    )


def _step_error(entry: dict[str, Any], step: StepRef) -> Op:
    error = memo_error(entry.get("error"))
    return _errored(entry, step, error, is_final=False)


def _step_failed(entry: dict[str, Any], step: StepRef) -> Op:
    error = memo_error(entry.get("error"))
    return _errored(entry, step, error, is_final=True)


def _step_planned(entry: dict[str, Any], step: StepRef) -> Op:
    return StepPlanned(step=step, kind=_kind(entry), input=_options(entry).get("input"))


def _sleep(entry: dict[str, Any], step: StepRef) -> Op:
    # Go puts the duration in the options and a label in `name`; the others put it in `name`.
    until = _options(entry).get("duration") or entry.get("name")
    return Sleep(step=step, until=_text(until) or "")


def _wait_for_event(entry: dict[str, Any], step: StepRef) -> Op:
    options = _options(entry)
    event_name = _text(options.get("event") or entry.get("name"))
    if not event_name:
        raise OpcodeError("a WaitForEvent opcode names no event")
    return WaitForEvent(
        step=step,
        event_name=event_name,
        expression=_text(options.get("if")) or None,
        timeout=_text(options.get("timeout")),
    )


def _wait_for_signal(entry: dict[str, Any], step: StepRef) -> Op:
    options = _options(entry)
    signal = _text(options.get("signal") or entry.get("name"))
    if not signal:
        raise OpcodeError("a WaitForSignal opcode names no signal")
    return WaitForSignal(
        step=step,
        signal=signal,
        timeout=_text(options.get("timeout")),
        replaces=str(options.get("conflict") or "").lower() == "replace",
    )


def _invoke(entry: dict[str, Any], step: StepRef) -> Op:
    options = _options(entry)
    payload = options.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    data, user = payload.get("data"), payload.get("user")
    return Invoke(
        step=step,
        function=_text(options.get("function_id")) or "",
        data=data if isinstance(data, dict) else {},
        user=user if isinstance(user, dict) else {},
        timeout=_text(options.get("timeout")) or None,
        v=_text(payload.get("v")) or None,
    )


def _gateway(entry: dict[str, Any], step: StepRef) -> Op:
    return Gateway(step=step, kind=StepKind.FETCH, request=_options(entry))


def _ai_gateway(entry: dict[str, Any], step: StepRef) -> Op:
    return Gateway(step=step, kind=StepKind.AI_GATEWAY, request=_options(entry))


_READERS: Final[Mapping[str, Callable[[dict[str, Any], StepRef], Op]]] = {
    "steprun": _step_run,
    "step": _step_run,
    "steperror": _step_error,
    "stepfailed": _step_failed,
    "stepplanned": _step_planned,
    "sleep": _sleep,
    "waitforevent": _wait_for_event,
    "waitforsignal": _wait_for_signal,
    "invokefunction": _invoke,
    "gateway": _gateway,
    "aigateway": _ai_gateway,
}
