"""Handlers of the ops that wait: for time, an event, a signal, another function."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durable_engine.durations import parse_due_ms
from durable_engine.errors import InvalidDurationError, InvalidExpressionError
from durable_engine.expressions import compile_expression, wait_key
from durable_engine.lifecycle.reading import Reading
from durable_engine.model.changes import Invocation
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject, to_json
from durable_engine.model.op import Invoke, Sleep, StepRef, WaitForEvent, WaitForSignal
from durable_engine.model.pause import Pause
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.step import Step

_DAY_MS: Final = 86_400_000
MAX_WAIT_MS: Final = 366 * _DAY_MS
DEFAULT_TIMEOUT_MS: Final = 365 * _DAY_MS
MAX_INPUT_BYTES: Final = 4 * 1024 * 1024
_WAIT_VARIABLES: Final = frozenset({"event", "async", "vars"})


def sleep(op: Sleep, reading: Reading) -> None:
    """Let the step sleep."""
    now_ms = reading.facts.now_ms
    try:
        due_ms = parse_due_ms(op.until, now_ms=now_ms)
    except InvalidDurationError as fault:
        reading.fail("InvalidSleepError", f"Step {op.step.name!r} cannot sleep: {fault}")
        return
    _wait_until(reading, op.step, StepKind.SLEEP, due_ms, detail={"until": op.until})


def wait_for_event(op: WaitForEvent, reading: Reading) -> None:
    """Let the step wait for an event."""
    expression = None
    if op.expression is not None:
        try:
            expression = compile_expression(op.expression, variables=_WAIT_VARIABLES)
        except InvalidExpressionError as fault:
            message = f"The expression of step {op.step.name!r} does not compile: {fault}"
            reading.fail("InvalidExpressionError", message)
            return
    due_ms = _timeout_ms(reading, op.step, op.timeout)
    if due_ms is None:
        return
    detail: JSONObject = {"event": op.event_name, "expression": op.expression, "timeout": op.timeout}
    if _wait_until(reading, op.step, StepKind.WAIT_FOR_EVENT, due_ms, detail=detail):
        facts = reading.facts
        match_path, match_key = wait_key(expression, facts.load_events()[0].as_payload)
        reading.changes.pauses.append(
            Pause(
                run_id=facts.run.id,
                step_id=op.step.id,
                event_name=op.event_name,
                expression=op.expression,
                match_path=match_path,
                match_key=match_key,
            )
        )


def wait_for_signal(op: WaitForSignal, reading: Reading) -> None:
    """Let the step wait for a signal, if nobody else does or it may take it over."""
    facts = reading.facts
    rivals = [pause for pause in reading.changes.pauses if pause.signal == op.signal]
    holder = (facts.run.id, rivals[0].step_id) if rivals else facts.signal_holders.get(op.signal)
    if holder is not None and not op.replaces:
        who = "another step of this run" if holder[0] == facts.run.id else f"run {holder[0]}"
        reading.fail(
            "SignalConflictError",
            f"Step {op.step.name!r} cannot wait for the signal {op.signal!r}: {who} waits for it already. "
            'Use a signal of its own, or onConflict: "replace".',
        )
        return
    due_ms = _timeout_ms(reading, op.step, op.timeout)
    if due_ms is None:
        return
    detail: JSONObject = {"signal": op.signal, "timeout": op.timeout}
    if _wait_until(reading, op.step, StepKind.WAIT_FOR_SIGNAL, due_ms, detail=detail):
        if rivals:  # not written yet
            reading.changes.pauses.remove(rivals[0])
        elif holder is not None:
            reading.changes.displaced.append(holder)
        if holder is not None:
            _note_displaced(reading, op.signal, holder)
        pause = Pause(run_id=facts.run.id, step_id=op.step.id, signal=op.signal)
        reading.changes.pauses.append(pause)


def _note_displaced(reading: Reading, signal: str, holder: tuple[str, str]) -> None:
    run_id, step_id = holder
    facts = reading.facts
    text = f"Run {facts.run.id} has taken over the signal {signal!r}: this wait can only time out."
    reading.changes.history.append(
        HistoryEntry(
            run_id=run_id, at_ms=facts.now_ms, kind=HistoryKind.NOTE, step_id=step_id, detail={"text": text}
        )
    )


def invoke(op: Invoke, reading: Reading) -> None:
    """Start another function and let the step wait for it."""
    size = len(to_json(op.data).encode())
    if size > MAX_INPUT_BYTES:
        reading.fail(
            "StepInputTooLargeError",
            f"Step {op.step.name!r} gives {size:,} bytes of data to the function it invokes; the limit is "
            f"4 MiB ({MAX_INPUT_BYTES:,} bytes). Store them elsewhere and pass a reference.",
        )
        return
    due_ms = _timeout_ms(reading, op.step, op.timeout)
    if due_ms is None:
        return
    detail: JSONObject = {"function": op.function, "timeout": op.timeout}
    step = _wait_until(reading, op.step, StepKind.INVOKE, due_ms, detail=detail, given=op.data)
    if step is not None:
        reading.changes.invocations.append(
            Invocation(
                run_id=reading.facts.run.id,
                source=reading.facts.function,
                step=step,
                function=op.function,
                data=op.data,
                user=op.user,
                v=op.v,
            )
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
        detail=to_json({**detail, "lasts_ms": due_ms - facts.now_ms}),  # `due_ms` goes when the wait ends
        input=to_json(given) if given is not None else None,
        attempts=1,
    )
    reading.changes.items.append(
        NewItem(run_id=facts.run.id, kind=ItemKind.TIMER, due_ms=due_ms, step_id=ref.id)
    )
    reading.open(step, HistoryKind.STEP_WAITING)
    return step
