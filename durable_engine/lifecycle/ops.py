"""One handler per op: what each thing an SDK asks for does to the run.

SDKs report the same plan, sleep or wait again in later replies: the first one counts, and `decide` hands
on only what is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch
from typing import Final

from durable_engine.lifecycle import waits
from durable_engine.lifecycle.progress import end_step
from durable_engine.lifecycle.reading import Reading
from durable_engine.lifecycle.retry import failing_step, record_failure, retry_item
from durable_engine.model.changes import StepWrite
from durable_engine.model.event import EventSender, sent_ids
from durable_engine.model.history import HistoryKind
from durable_engine.model.json_value import to_json
from durable_engine.model.op import (
    Gateway,
    StepEnded,
    StepErrored,
    StepOp,
    StepPlanned,
    StepRan,
    Unsupported,
    WaitForEvent,
    WaitForSignal,
)
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.status import StepStatus
from durable_engine.redaction import redacted

MAX_OUTPUT_BYTES: Final = 4 * 1024 * 1024


@singledispatch
def handle(op: object, _reading: Reading) -> None:
    """Apply one op to the reading."""
    raise TypeError(f"no handler for {type(op).__name__}")


handle.register(waits.sleep)
handle.register(waits.wait_for_event)
handle.register(waits.wait_for_signal)
handle.register(waits.invoke)


@handle.register
def _ran(op: StepRan, reading: Reading) -> None:
    facts = reading.facts
    output = to_json(op.data)
    size = len(output.encode())
    if size > MAX_OUTPUT_BYTES:
        reading.fail(
            "StepOutputTooLargeError",
            f"The output of step {op.step.name!r} is {size:,} bytes; the limit is 4 MiB "
            f"({MAX_OUTPUT_BYTES:,} bytes). Store it elsewhere and return a reference to it.",
        )
        return
    reading.ended.add(op.step.id)
    step = reading.new_step(op.step, op.kind, StepStatus.COMPLETED)
    started_ms = facts.began_ms(op.duration_ms)
    ended = replace(
        step,
        queued_ms=min(step.queued_ms, started_ms),
        memo=f'{{"data":{output}}}',
        started_ms=step.started_ms or started_ms,
        attempts=step.attempts + 1,
        input=to_json(op.input) if op.input is not None else step.input,
    )
    end_step(reading.changes, facts.run.id, ended, now_ms=facts.now_ms)
    reading.changes.sent += [
        EventSender(event_id=event_id, run_id=facts.run.id, step_id=op.step.id)
        for event_id in sent_ids(op.data)
    ]


@handle.register
def _errored(op: StepErrored, reading: Reading) -> None:
    facts = reading.facts
    step = reading.new_step(op.step, op.kind, StepStatus.FAILED)
    step = replace(step, started_ms=step.started_ms or facts.began_ms(op.duration_ms))
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
    if op.input is not None and step.input is None:
        step = replace(step, input=to_json(op.input))
    reading.changes.items.append(
        NewItem(run_id=facts.run.id, kind=ItemKind.STEP, due_ms=facts.now_ms, step_id=op.step.id)
    )
    reading.open(step, HistoryKind.STEP_PLANNED)


@handle.register
def _gateway(op: Gateway, reading: Reading) -> None:
    facts = reading.facts
    step = replace(
        reading.new_step(op.step, op.kind, StepStatus.QUEUED),
        detail=to_json(op.request),
        input=to_json(redacted(op.request)),
    )
    reading.changes.items.append(
        NewItem(run_id=facts.run.id, kind=ItemKind.STEP, due_ms=facts.now_ms, step_id=op.step.id)
    )
    reading.open(step, HistoryKind.STEP_PLANNED)


@handle.register
def _ended(op: StepEnded, reading: Reading) -> None:
    facts = reading.facts
    reading.ended.add(op.step.id)
    status = StepStatus.COMPLETED if op.error is None else StepStatus.FAILED
    ended = replace(
        reading.new_step(op.step, op.kind, status),
        memo=op.memo,
        error=None if op.error is None else to_json(op.error),
        input=None if op.input is None else to_json(op.input),
        detail=to_json(op.detail),
        started_ms=facts.now_ms,
        attempts=1,
        has_timed_out=op.has_timed_out,
    )
    end_step(reading.changes, facts.run.id, ended, now_ms=facts.now_ms)


@handle.register
def _unsupported(op: Unsupported, reading: Reading) -> None:
    reading.fail(
        "UnsupportedStepError",
        f"Step {op.step.name!r} uses the operation {op.opcode}, which Stepcue does not run yet.",
    )


def waits_first(ops: Sequence[StepOp]) -> list[StepOp]:
    """Order ops so that waits are registered before anything else can send what they wait for."""
    return sorted(ops, key=lambda op: not isinstance(op, WaitForEvent | WaitForSignal))
