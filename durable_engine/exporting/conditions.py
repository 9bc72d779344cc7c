"""Under which conditions a run took place: doubles, and events and signals that came from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from durable_engine.durations import format_duration
from durable_engine.exporting.volatile import Volatility
from durable_engine.model.double import (
    Double,
    Fault,
    FaultKind,
    MockError,
    MockEvent,
    MockResult,
    MockTimeout,
    Outcome,
    Withheld,
)
from durable_engine.model.json_value import JSONObject, to_json
from durable_engine.model.recording import Recording
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.views import RunView, StepView

_MOST_EVENTS: Final = 100
_FAULTS: Final = frozenset(FaultKind)
_MOST_TIMES: Final = 1_000


def doubles_of(recording: Recording) -> tuple[list[JSONObject], list[JSONObject]]:
    """Return the mocks and the faults of a run as a document has them."""
    run = recording.run
    mocks: list[JSONObject] = []
    faults: list[JSONObject] = []
    unused = {double.id for double in run.unused_doubles}
    used = [
        (slug, double) for slug, double in recording.doubles if not (double.id in unused or double.withholds)
    ]
    for slug, double in used:
        into = faults if _is_plain_fault(double) else mocks
        into.append(_document(double, None if slug == run.function_slug else slug))
    repeated = {step.name for step in run.steps if step.index}
    for step in run.steps:
        stands = step.doubled is not None and step.doubled not in _FAULTS
        covered = any(double.fits(step.name, step.id, step.index) for _, double in used)
        if (stands and not covered) or step.is_taken_over:
            mocks.append(recorded_mock(step, is_repeated=step.name in repeated))
    return mocks, faults


def recorded_mock(step: StepView, *, is_repeated: bool) -> JSONObject:
    """Return a mock that does what the step did."""
    mock: JSONObject = {"stepId": step.name}
    if is_repeated:
        mock["index"] = step.index
    if step.has_timed_out and step.kind is not StepKind.SLEEP:
        return {**mock, "timeout": True}
    if step.status is StepStatus.FAILED:
        error = step.error or {}
        named = {"name": error["name"]} if isinstance(error.get("name"), str) else {}
        message = str(error.get("message") or "")
        return {**mock, "error": {"message": message, **named, "retriable": False}}
    if step.kind is StepKind.WAIT_FOR_EVENT:
        event = step.output if isinstance(step.output, dict) else {}
        return {**mock, "event": {"data": event.get("data") or {}}}
    return {**mock, "result": step.output}


def events_of(recording: Recording, volatility: Volatility, mocks: list[JSONObject]) -> list[JSONObject]:
    """Return what was sent to the run while it waited, in order.

    An event that holds what a step made up in this run, such as an id, cannot be sent again: it becomes a
    mock of the wait, added to `mocks`.
    """
    planned: list[JSONObject] = []
    for event in recording.planned:
        entry: JSONObject = {"signal" if event.is_signal else "name": event.name, "data": event.data}
        if event.after_step is not None:
            entry["afterStep"] = event.after_step
        if event.after_ms is not None:
            entry["after"] = format_duration(event.after_ms).replace(" ", "")
        planned.append(entry)
    outside = _arrived(recording, planned, volatility, mocks)
    return [*planned, *outside, *_cancelling(recording, planned)][:_MOST_EVENTS]


def _arrived(
    recording: Recording, planned: list[JSONObject], volatility: Volatility, mocks: list[JSONObject]
) -> Iterator[JSONObject]:
    """Yield the events and signals that ended waits and were not planned, in the order in which they came."""
    own = {event.id for event in recording.events_sent}
    known = [(entry.get("name") or entry.get("signal"), to_json(entry["data"])) for entry in planned]
    mocked = {mock["stepId"] for mock in mocks}
    made_up = {token for step in recording.run.steps for token in volatility.tokens(_made(step))}
    met = [
        (step.ended_ms or 0, run, step)
        for run in (recording.run, *recording.children)
        for step in run.steps
        if step.kind in {StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL}
        and step.status is StepStatus.COMPLETED
        and not step.has_timed_out
        and step.doubled is None
        and not step.is_taken_over
        and not (run is recording.run and step.name in mocked)
    ]
    for _, run, step in sorted(met, key=lambda entry: entry[0]):
        entry = _sent(recording, run, step, own)
        if entry is None:
            continue
        key = (entry.get("name") or entry.get("signal"), to_json(entry["data"]))
        if key in known:
            known.remove(key)
        elif run is recording.run and any(token in to_json(entry) for token in made_up):
            mocks.append(recorded_mock(step, is_repeated=step.index > 0))
        else:
            yield entry


def _sent(recording: Recording, run: RunView, step: StepView, own: set[str]) -> JSONObject | None:
    """Return what ended a wait; None for what the run has sent itself."""
    if step.kind is StepKind.WAIT_FOR_SIGNAL:
        received = step.output.get("data") if isinstance(step.output, dict) else step.output
        return {"signal": recording.signals.get((run.id, step.id), ""), "data": received}
    event = step.output if isinstance(step.output, dict) else {}
    if event.get("id") in own:
        return None
    return {"name": event.get("name"), "data": event.get("data") or {}}


def _made(step: StepView) -> object:
    return None if step.kind in {StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL} else step.output


def _cancelling(recording: Recording, planned: list[JSONObject]) -> Iterator[JSONObject]:
    """Yield the event that cancelled the run, sent after the last step that had ended by then."""
    event = recording.cancelled_by
    if event is None or any(entry.get("name") == event.name for entry in planned):
        return
    ended = [step for step in recording.run.steps if step.status is StepStatus.COMPLETED]
    when: JSONObject = {"after": "1s"}
    if ended:
        when = {"afterStep": max(ended, key=lambda step: step.ended_ms or 0).label}
    yield {"name": event.name, "data": event.data, **when}


def _document(double: Double, function: str | None) -> JSONObject:
    document: JSONObject = {}
    if double.step is not None:
        document["stepId"] = double.step
    if double.index is not None:
        document["index"] = double.index
    if double.times is not None:
        document["times"] = double.times
    if function is not None:
        document["functionId"] = function
    first, *more = map(_outcome, double.outcomes)
    if _is_plain_fault(double):
        # Without a number, a fault of a document applies once.
        return {**document, "kind": first.pop("fault"), "times": double.times or _MOST_TIMES, **first}
    if more or "fault" in first:
        return {**document, "sequence": [first, *more]}
    return document | first


def _is_plain_fault(double: Double) -> bool:
    """Whether the document of a fault can say it; the function's own call has no other one."""
    is_one = len(double.outcomes) == 1 and double.times is not None
    return isinstance(double.outcomes[0], Fault) and (is_one or double.step is None)


def stands_in(mock: JSONObject) -> bool:
    """Whether a mock makes the step's result up, in the end; after a fault the code has run."""
    return "fault" not in mock.get("sequence", [{}])[-1]


def _outcome(outcome: Outcome) -> JSONObject:
    match outcome:
        case MockResult():
            return {"result": outcome.data}
        case MockTimeout():
            return {"timeout": True}
        case MockEvent():
            given = {"data": outcome.data, "name": outcome.name, "id": outcome.id, "ts": outcome.ts_ms}
            return {"event": {name: value for name, value in given.items() if value is not None}}
        case Withheld():
            return {"error": {"message": outcome.message, "retriable": False}}
        case MockError():
            error: JSONObject = {"message": outcome.message}
            if outcome.name is not None:
                error["name"] = outcome.name
            if outcome.data is not None:
                error["data"] = outcome.data
            return {"error": error if outcome.is_retriable else {**error, "retriable": False}}
        case Fault():
            late = {"delay": f"{outcome.delay_ms}ms"} if outcome.kind is FaultKind.SLOW_REPLY else {}
            return {"fault": outcome.kind.value, **late}
