"""What the code asks for when it is replayed, and how that differs from what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from durable_engine.durations import format_duration, parse_due_ms, parse_duration_ms
from durable_engine.errors import InvalidDurationError
from durable_engine.lifecycle.waits import DEFAULT_TIMEOUT_MS
from durable_engine.model.json_value import JSONObject, JSONValue, parse_stored
from durable_engine.model.op import (
    Gateway,
    Invoke,
    RunReturned,
    Sleep,
    StepErrored,
    StepOp,
    StepPlanned,
    StepRan,
    StepRef,
    WaitForEvent,
    WaitForSignal,
)
from durable_engine.model.replay import InputChange, StepLabel
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.model.status import StepKind
from durable_engine.model.step import Step
from durable_engine.redaction import redacted

_CODE: Final = frozenset({StepKind.RUN, StepKind.AI, StepKind.SEND_EVENT})
_NOT_OF_APP: Final = frozenset(
    {
        "AppUnreachableError",
        "ConnectionError",
        "InvalidReplyError",
        "InvalidSignatureError",
        "InvalidURLError",
        "NotAnSDKError",
        "OutputTooLargeError",
        "TimeoutError",
        "UnauthorizedError",
        "UnsignableCallError",
    }
)
"""Names of the errors that stand for an app which did not answer as an SDK does; the code's own errors may
have these names too, but come with a status.
"""
_TIMES: Final = frozenset({"until", "timeout"})
_TOLERANCE_MS: Final = 2_000
"""Dates that the SDK makes of durations are off by the time that a call takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A step that the code asks for; `what` is what it is to do, by the names of `recorded_input`."""

    ref: StepRef
    kind: StepKind
    what: JSONObject = field(default_factory=dict)

    @property
    def label(self) -> StepLabel:
        """How people name it."""
        return StepLabel(name=self.ref.name, index=self.ref.index, kind=self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the code did with the results that it was given: it asks for steps, returned, or raised.

    `ran` are names of steps whose body ran although the SDK was asked only to plan.
    """

    asked: tuple[Asked, ...] = ()
    has_returned: bool = False
    output: JSONValue = None
    error: JSONObject | None = None
    ran: tuple[str, ...] = ()

    @property
    def is_of_app(self) -> bool:
        """Whether the app answered as an SDK does."""
        return self.error is None or "status" in self.error or self.error.get("name") not in _NOT_OF_APP

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the steps that it asks for."""
        return frozenset(asked.ref.id for asked in self.asked)


def read_answer(reply: Reply) -> Answer:
    """Return what the reply to a replay says."""
    match reply:
        case Returned():
            return Answer(has_returned=True, output=reply.data)
        case Failed():
            return Answer(error=reply.error)
        case Ops():
            return _read_ops(reply)


def _read_ops(reply: Ops) -> Answer:
    for op in reply.ops:
        if isinstance(op, RunReturned):
            return Answer(has_returned=True, output=op.data)
    ops = [op for op in reply.ops if not isinstance(op, RunReturned)]
    return Answer(
        asked=tuple(_asked(op) for op in ops if not isinstance(op, StepRan | StepErrored)),
        ran=tuple(op.step.name for op in ops if isinstance(op, StepRan | StepErrored)),
    )


def _asked(op: StepOp) -> Asked:
    kind, what = StepKind.RUN, {}
    match op:
        case StepPlanned():
            kind, what = op.kind, {} if op.input is None else {"input": op.input}
        case Sleep():
            kind, what = StepKind.SLEEP, {"until": op.until}
        case WaitForEvent():
            kind = StepKind.WAIT_FOR_EVENT
            what = {"event": op.event_name, "expression": op.expression, "timeout": op.timeout}
        case WaitForSignal():
            kind, what = StepKind.WAIT_FOR_SIGNAL, {"signal": op.signal, "timeout": op.timeout}
        case Invoke():
            what = {"function": op.function, "timeout": op.timeout, "data": op.data}
            kind = StepKind.INVOKE
        case Gateway():
            kind, what = op.kind, {"request": redacted(op.request)}
    return Asked(ref=op.step, kind=kind, what=what)


def recorded_input(step: Step) -> JSONObject:
    """Return what a recorded step was asked to do, as far as it was kept."""
    given = parse_stored(step.input)
    if step.kind.is_gateway:
        return {"request": given}
    if step.kind in _CODE:
        return {} if given is None else {"input": given}
    what: JSONObject = dict(parse_stored(step.detail) or {})
    return what if step.kind is not StepKind.INVOKE else {**what, "data": given}


def changes(step: Step, asked: Asked, *, now_ms: int) -> tuple[InputChange, ...]:
    """Return what the code asks of a step otherwise than recorded; `now_ms` is the app's own time."""
    if not _same_kind(step.kind, asked.kind):
        return (InputChange(key="kind", recorded=step.kind.value, found=asked.kind.value),)
    return tuple(_changes(recorded_input(step), asked.what, now_ms=now_ms))


def is_unstable(asked: Asked, again: Asked) -> bool:
    """Whether two replays of the same prefix ask a step to do different things.

    A date that an SDK makes of a duration moves with the app's clock and counts as the same.
    """
    return any(
        again.what.get(key) != value and (key not in _TIMES or _duration_ms(value) is not None)
        for key, value in asked.what.items()
    )


def is_alike(step: Step, asked: Asked) -> bool:
    """Whether a step could be the other under a new name."""
    return _same_kind(step.kind, asked.kind)


def _same_kind(one: StepKind, other: StepKind) -> bool:
    # An SDK says of a planned step only that it runs code.
    return one is other or (one in _CODE and other in _CODE)


def _changes(recorded: JSONObject, found: JSONObject, *, now_ms: int) -> Iterator[InputChange]:
    for key, before in recorded.items():
        if key not in found or before == found[key]:
            continue
        if key in _TIMES:
            change = _changed_time(key, before, found[key], lasts_ms=recorded.get("lasts_ms"), now_ms=now_ms)
        else:
            change = InputChange(key=key, recorded=before, found=found[key])
        if change is not None:
            yield change


def _changed_time(
    key: str, before: str | None, after: str | None, *, lasts_ms: int | None, now_ms: int
) -> InputChange | None:
    """Return how two texts differ in what they mean; `lasts_ms` is how long the recorded one was."""
    exact = _duration_ms(before), _duration_ms(after)
    if None not in exact:
        return None if exact[0] == exact[1] else InputChange(key=key, recorded=before, found=after)
    if lasts_ms is None:
        return None  # older runs did not keep it
    try:
        found_ms = parse_due_ms(after or "", now_ms=now_ms) - now_ms
    except InvalidDurationError:
        return InputChange(key=key, recorded=before, found=after)
    if abs(found_ms - lasts_ms) <= _TOLERANCE_MS + lasts_ms // 100:
        return None
    return InputChange(key=key, recorded=_lasting(before, lasts_ms), found=_lasting(after, found_ms))


def _lasting(text: str | None, lasts_ms: int) -> str:
    """Say of a date how far away it was."""
    return f"{text} (in {format_duration(round(lasts_ms, -3))})"


def _duration_ms(text: str | None) -> int | None:
    if text is None:
        return DEFAULT_TIMEOUT_MS
    try:
        return parse_duration_ms(text)
    except InvalidDurationError:
        return None
