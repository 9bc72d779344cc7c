"""One handler per op: what each thing an SDK asks for does to the run.

SDKs report the same plan, sleep or wait again in later replies: the first one counts, and `decide` hands
on only what is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Final

from durable_engine.durations import parse_due_ms
from durable_engine.errors import InvalidDurationError, InvalidExpressionError
from durable_engine.expressions import compile_expression
from durable_engine.lifecycle.facts import CallFacts
from durable_engine.lifecycle.progress import end_step
from durable_engine.lifecycle.retry import failing_step, record_failure, retry_item
from durable_engine.model.changes import Changes, Invocation, StepWrite
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject, to_json
from durable_engine.model.op import (
    Invoke,
    Sleep,
    StepErrored,
    StepOp,
    StepPlanned,
    StepRan,
    StepRef,
    Unsupported,
    WaitForEvent,
)
from durable_engine.model.pause import Pause
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.reply import Ops
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.step import Step

_DAY_MS: Final = 86_400_000
MAX_WAIT_MS: Final = 366 * _DAY_MS
DEFAULT_TIMEOUT_MS: Final = 365 * _DAY_MS
_WAIT_VARIABLES: Final = frozenset({"event", "async", "vars"})


@dataclass(slots=True)
class Reading:
    """A reply being worked through: what it changed, and what is left to conclude from it."""

    facts: CallFacts
    reply: Ops
    changes: Changes
    group_id: int | None
    ended: set[str] = field(default_factory=set)
    """Hashed ids of steps that this reply ended."""
    opened: set[str] = field(default_factory=set)
    """Hashed ids of steps that this reply put to work."""
    failure: JSONObject | None = None
    """Set when the reply asks for something that ends the run."""

    def new_step(self, ref: StepRef, kind: StepKind, status: StepStatus) -> Step:
        """Return the step as known, or a new one, with `kind` and `status`."""
        known = self.facts.steps.get(ref.id)
        if known is not None:
            return replace(known, kind=kind, status=status, group_id=known.group_id or self.group_id)
        return Step(ref=ref, kind=kind, status=status, queued_ms=self.facts.now_ms, group_id=self.group_id)

    def is_at_work(self, ref: StepRef) -> bool:
        """Whether the step was put to work before: it has a timer, a call or a wait of its own.

        A step that only waits for the next attempt of a discovery call has none.
        """
        return ref.id in self.facts.at_work or ref.id == self.facts.item.step_id

    def fail(self, name: str, message: str) -> None:
        """End the run with an error of our own."""
        self.failure = {"name": name, "message": message}


@singledispatch
def handle(op: object, _reading: Reading) -> None:
    """Apply one op to the reading."""
    raise TypeError(f"no handler for {type(op).__name__}")


@handle.register
def _ran(op: StepRan, reading: Reading) -> None:
    facts = reading.facts
    reading.ended.add(op.step.id)
    step = reading.new_step(op.step, op.kind, StepStatus.COMPLETED)
    ended = replace(
        step,
        queued_ms=min(step.queued_ms, facts.started_ms),
        memo=f'{{"data":{to_json(op.data)}}}',
        started_ms=step.started_ms or facts.started_ms,
        attempts=step.attempts + 1,
        input=to_json(op.input) if op.input is not None else step.input,
    )
    end_step(reading.changes, facts.run.id, ended, now_ms=facts.now_ms)


@handle.register
def _errored(op: StepErrored, reading: Reading) -> None:
    facts = reading.facts
    step = reading.new_step(op.step, op.kind, StepStatus.FAILED)
    if not op.is_final and facts.has_attempts_left:
        if reading.changes.retries:  # the item goes back once, however many of its steps failed
            return
        due_ms = retry_item(
            reading.changes,
            facts,
            kind=HistoryKind.STEP_ERRORED,
            error=op.error,
            retry_after_ms=reading.reply.retry_after_ms,
            step_id=op.step.id,
        )
        waiting = failing_step(step, facts, op.error, due_ms=due_ms)
        reading.changes.steps.append(StepWrite(run_id=facts.run.id, step=waiting))
        reading.opened.add(op.step.id)
        return
    reading.ended.add(op.step.id)
    record_failure(
        reading.changes, facts, HistoryKind.STEP_ERRORED, op.error, step_id=op.step.id, next_attempt_ms=None
    )
    failed = replace(
        failing_step(step, facts, op.error, due_ms=None),
        status=StepStatus.FAILED,
        memo=to_json({"error": op.error}),
    )
    end_step(reading.changes, facts.run.id, failed, now_ms=facts.now_ms)


@handle.register
def _planned(op: StepPlanned, reading: Reading) -> None:
    facts = reading.facts
    step = reading.new_step(op.step, op.kind, StepStatus.QUEUED)
    reading.changes.items.append(
        NewItem(run_id=facts.run.id, kind=ItemKind.STEP, due_ms=facts.now_ms, step_id=op.step.id)
    )
    _open(reading, step, HistoryKind.STEP_PLANNED)


@handle.register
def _sleep(op: Sleep, reading: Reading) -> None:
    now_ms = reading.facts.now_ms
    try:
        due_ms = parse_due_ms(op.until, now_ms=now_ms)
    except InvalidDurationError as fault:
        reading.fail("InvalidSleepError", f"Step {op.step.name!r} cannot sleep: {fault}")
        return
    _wait_until(reading, op.step, StepKind.SLEEP, due_ms, detail={"until": op.until})


@handle.register
def _wait_for_event(op: WaitForEvent, reading: Reading) -> None:
    if op.expression is not None:
        try:
            compile_expression(op.expression, variables=_WAIT_VARIABLES)
        except InvalidExpressionError as fault:
            message = f"The expression of step {op.step.name!r} does not compile: {fault}"
            reading.fail("InvalidExpressionError", message)
            return
    due_ms = _timeout_ms(reading, op.step, op.timeout)
    if due_ms is None:
        return
    detail: JSONObject = {"event": op.event_name, "expression": op.expression}
    if _wait_until(reading, op.step, StepKind.WAIT_FOR_EVENT, due_ms, detail=detail):
        reading.changes.pauses.append(
            Pause(
                run_id=reading.facts.run.id,
                step_id=op.step.id,
                event_name=op.event_name,
                expression=op.expression,
            )
        )


@handle.register
def _invoke(op: Invoke, reading: Reading) -> None:
    due_ms = _timeout_ms(reading, op.step, op.timeout)
    if due_ms is None:
        return
    detail: JSONObject = {"function": op.function}
    step = _wait_until(reading, op.step, StepKind.INVOKE, due_ms, detail=detail, given=op.data)
    if step is not None:
        reading.changes.invocations.append(
            Invocation(
                run_id=reading.facts.run.id,
                step=step,
                function=op.function,
                data=op.data,
                user=op.user,
            )
        )


@handle.register
def _unsupported(op: Unsupported, reading: Reading) -> None:
    reading.fail(
        "UnsupportedStepError",
        f"Step {op.step.name!r} uses the operation {op.opcode}, which Stepcue does not run yet.",
    )


def _timeout_ms(reading: Reading, ref: StepRef, text: str | None) -> int | None:
    """Return when a wait times out: a year from now unless `text` says so; empty text means at once."""
    now_ms = reading.facts.now_ms
    if text is None:
        return now_ms + DEFAULT_TIMEOUT_MS
    try:
        return parse_due_ms(text, now_ms=now_ms)
    except InvalidDurationError as fault:
        reading.fail("InvalidTimeoutError", f"The timeout of step {ref.name!r} cannot be read: {fault}")
        return None


def _wait_until(
    reading: Reading,
    ref: StepRef,
    kind: StepKind,
    due_ms: int,
    *,
    detail: JSONObject,
    given: JSONObject | None = None,
) -> Step | None:
    """Let the step wait until `due_ms` at most; a wait of more than 366 days ends the run."""
    facts = reading.facts
    if due_ms - facts.now_ms > MAX_WAIT_MS:
        reading.fail(
            "InngestErrTimeoutTooLong",
            f"Step {ref.name!r} would wait longer than the limit of 366 days.",
        )
        return None
    step = replace(
        reading.new_step(ref, kind, StepStatus.WAITING),
        started_ms=facts.now_ms,
        due_ms=due_ms,
        detail=to_json(detail),
        input=to_json(given) if given is not None else None,
        attempts=1,
    )
    reading.changes.items.append(
        NewItem(run_id=facts.run.id, kind=ItemKind.TIMER, due_ms=due_ms, step_id=ref.id)
    )
    _open(reading, step, HistoryKind.STEP_WAITING)
    return step


def _open(reading: Reading, step: Step, kind: HistoryKind) -> None:
    facts = reading.facts
    reading.opened.add(step.ref.id)
    reading.changes.steps.append(StepWrite(run_id=facts.run.id, step=step))
    reading.changes.history.append(
        HistoryEntry(run_id=facts.run.id, at_ms=facts.now_ms, kind=kind, step_id=step.ref.id)
    )


def waits_first(ops: Sequence[StepOp]) -> list[StepOp]:
    """Order ops so that waits are registered before anything else can send what they wait for."""
    return sorted(ops, key=lambda op: not isinstance(op, WaitForEvent))
