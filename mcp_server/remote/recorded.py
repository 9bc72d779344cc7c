"""What a run elsewhere has on record, as doubles for a run here: pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from durable_engine import (
    Event,
    MockError,
    MockEvent,
    MockResult,
    MockTimeout,
    NewDouble,
    Outcome,
    RunStatus,
    RunView,
    StepKind,
    StepStatus,
    StepView,
    Withheld,
)
from durable_engine.doubles.mocks import NOT_ON_RECORD
from durable_engine.errors import InvalidInputError
from durable_engine.model.double import word_for
from durable_engine.model.json_value import JSONObject
from mcp_server.remote.reading import an_object

EVERYTHING: Final = "*"
"""Names whatever is not on record, among steps that are to run for real."""
WITHHELD: Final = word_for(Withheld(message=""))
_WAITS: Final = frozenset({StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL})
_MOST_FAILURES: Final = 99
_HASH: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is to stand in for the steps of a run. `notes` are sentences about what is not known of it."""

    doubles: tuple[NewDouble, ...]
    notes: tuple[str, ...] = ()


def stand_ins(run: RunView, real: Sequence[str]) -> Recorded:
    """Return doubles that do what the steps of a run did, and hold back whatever is not on record.

    `real` are names or labels of steps that run for real; `*` are all that are not on record.

    Raises:
        InvalidInputError: a batch of events started the run.
    """
    if len(run.event_ids) > 1:
        raise InvalidInputError(
            f"A batch of {len(run.event_ids)} events started run {run.id}; a run here begins with one event.",
            hint="Mirror a run that one event started.",
        )
    held_back = _held_back(run, real)
    doubles = [
        NewDouble(outcomes=outcomes, step=step, index=index)
        for view in run.steps
        if not is_named(view, real) and (outcomes := tuple(_outcomes(view, held_back)))
        for step, index in [_address(view)]
    ]
    if EVERYTHING not in real:
        doubles.append(NewDouble(outcomes=(held_back,), step=EVERYTHING))
    return Recorded(doubles=tuple(doubles), notes=tuple(_notes(run, real)))


def _held_back(run: RunView, real: Sequence[str]) -> Withheld:
    """Return what becomes of a step that is not on record.

    An SDK may report no step for an error that ends the run: what the code then comes to is that step.
    """
    has_failed_step = any(step.status is StepStatus.FAILED for step in run.steps)
    if run.status is RunStatus.FAILED and not has_failed_step and run.are_steps_known:
        error = _error(run.error or {})
        return Withheld(message=error.message, name=error.name or "Error", more=error.more, but=tuple(real))
    message = f"Step {{step}} is not on record in run {run.id}, so that it was held back."
    return Withheld(message=message, but=tuple(real))


def is_presumed(step: StepView) -> bool:
    """Whether a step here, of which nothing is on record, has failed with the error of the run there."""
    return step.doubled == WITHHELD and (step.error or {}).get("name") != NOT_ON_RECORD


def is_named(step: StepView, names: Sequence[str]) -> bool:
    """Whether a step is one of those that are named."""
    return bool({step.name, step.label, step.id} & {*names})


def event_of(run: RunView, data: JSONObject | None) -> Event:
    """Return the event that started a run, with other data if any is given."""
    event = run.event
    return Event(
        id=event.id,
        public_id=event.public_id,
        name=event.name,
        data=dict(event.data if data is None else data),
        user=event.user,
        ts_ms=event.ts_ms,
        received_ms=event.received_ms,
        v=event.v,
    )


def _outcomes(step: StepView, held_back: Withheld) -> Iterator[Outcome]:
    """Yield what a step did, attempt by attempt; nothing for what needs no double."""
    fails_by_itself = step.kind in _WAITS and step.status is StepStatus.FAILED
    if step.kind is StepKind.SLEEP or fails_by_itself:
        return
    failures = [_error(failure.error) for failure in step.failures[:_MOST_FAILURES]]
    if step.status is StepStatus.COMPLETED:
        yield from failures
        yield _ended(step)
    elif step.status is StepStatus.FAILED:
        yield from failures[:-1]
        last = step.error or (step.failures[-1].error if step.failures else {})
        yield _error(last, is_retriable=False)
    elif failures and step.kind not in _WAITS:
        yield from failures
        yield held_back


def _ended(step: StepView) -> Outcome:
    if step.has_timed_out or _is_end_untold(step):
        return MockTimeout()
    output = an_object(step.output)
    if step.kind is StepKind.WAIT_FOR_EVENT:
        name, event_id, ts_ms = output.get("name"), output.get("id"), output.get("ts")
        return MockEvent(
            data=an_object(output.get("data")),
            name=name if isinstance(name, str) else None,
            id=event_id if isinstance(event_id, str) else None,
            ts_ms=ts_ms if isinstance(ts_ms, int) else None,
        )
    if step.kind is StepKind.WAIT_FOR_SIGNAL and output.keys() <= {"signal", "data"}:
        return MockResult(data=output.get("data"))
    return MockResult(data=step.output)


def _is_end_untold(step: StepView) -> bool:
    """Whether a wait has ended, and the server tells neither what came nor that its time was up."""
    is_told = step.has_timed_out or isinstance(step.output, dict)
    return step.kind in _WAITS and step.status is StepStatus.COMPLETED and not is_told


def _error(error: JSONObject, *, is_retriable: bool = True) -> MockError:
    name = error.get("name")
    return MockError(
        message=str(error.get("message") or "(the server says no more)"),
        name=name if isinstance(name, str) else None,
        is_retriable=is_retriable,
        data=error.get("data"),
        more={name: error[name] for name in ("stack", "cause") if error.get(name) is not None},
    )


def _address(step: StepView) -> tuple[str, int | None]:
    """Return the step as a double names it: by its name, unless that is one for people and not the id."""
    own = step.name if step.index == 0 else f"{step.name}:{step.index}"
    is_other = _HASH.fullmatch(step.id) and hashlib.sha1(own.encode(), usedforsecurity=False)
    if is_other and is_other.hexdigest() != step.id:
        return step.id, None
    return step.name, step.index


def _notes(run: RunView, real: Sequence[str]) -> Iterator[str]:
    yield from run.notes
    if not run.status.is_terminal:
        yield (
            f"Run {run.id} has not ended: the run here is brought as far as it is, with time skipped up to "
            "the time that it has taken."
        )
    if run.status is RunStatus.CANCELLED:
        yield f"Run {run.id} was cancelled, which is not repeated: the run here goes on to its own end."
    for step in run.steps:
        if _is_end_untold(step) and not is_named(step, real):
            yield f"What ended the wait of step {step.label!r} the server does not tell: here its time is up."
    known = {name for step in run.steps for name in (step.name, step.label, step.id)}
    unknown = [name for name in real if name not in known and name != EVERYTHING]
    if unknown:
        yield f"Not on record, and run for real if the code comes to it: {', '.join(map(repr, unknown))}."
