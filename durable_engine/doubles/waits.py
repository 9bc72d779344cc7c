"""Waits, sleeps and invokes in an answer that doubles end before they begin."""

from __future__ import annotations

from dataclasses import replace

from durable_engine.double_uses import Use, use_entry
from durable_engine.doubles.mocks import asked, ended
from durable_engine.errors import InvalidExpressionError
from durable_engine.expressions import compile_expression, explain_mismatch
from durable_engine.lifecycle.facts import CallFacts
from durable_engine.model.double import Double
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import parse_json
from durable_engine.model.op import Invoke, Op, Sleep, StepEnded, StepRan, WaitForEvent, WaitForSignal
from durable_engine.model.reply import Failed, Ops, Reply
from durable_engine.storage.tables import Tables

_MEANT = (Sleep, WaitForEvent, WaitForSignal, Invoke, StepRan)


def stand_in(tables: Tables, facts: CallFacts, reply: Reply) -> Reply:
    """Return the reply with what doubles end put in place of what they stand in for, and record their uses.

    A double that does not fit its step makes the whole reply a failure of the run. What waits already goes on
    waiting. A step that the app executed by itself, as it was called before there was a double, is noted.
    """
    if not isinstance(reply, Ops) or not tables.doubles.exist():
        return reply
    new = {op.step.id for op in reply.ops if isinstance(op, _MEANT) and _is_new(facts, op.step.id)}
    if not new:
        return reply
    run = facts.run
    engine_ms = facts.now_ms - run.offset_ms  # standing doubles expire by the engine's time
    found = tables.doubles.for_run(run.id, run.function_id, now_ms=engine_ms)
    ops: list[Op] = []
    for op in reply.ops:
        end: Op | Failed = op
        if isinstance(op, _MEANT) and op.step.id in new:
            new.remove(op.step.id)
            place = _place(found, op)
            if isinstance(op, StepRan):
                if place is not None:
                    text = f"Step {op.step.name!r} ran for real before a double could stand in."
                    _note(tables, facts, op, text)
            elif place is not None:
                end = _use(tables, facts, found, place, op)
        if isinstance(end, Failed):
            return end
        ops.append(end)
    return replace(reply, ops=tuple(ops))


def _is_new(facts: CallFacts, step_id: str) -> bool:
    known = facts.steps.get(step_id)
    has_ended = known is not None and known.status.is_terminal
    return not (has_ended or step_id in facts.at_work or step_id == facts.item.step_id)


def _place(found: list[Double], op: Sleep | WaitForEvent | WaitForSignal | Invoke | StepRan) -> int | None:
    step = op.step
    for place, double in enumerate(found):
        if double.step is None or double.outcome is None or not double.fits(step.name, step.id, step.index):
            continue
        if not double.withholds or isinstance(op, Invoke | StepRan):
            return place
    return None


def _use(
    tables: Tables,
    facts: CallFacts,
    found: list[Double],
    place: int,
    op: Sleep | WaitForEvent | WaitForSignal | Invoke,
) -> StepEnded | Failed:
    double = found[place]
    outcome = double.outcome
    if outcome is None:
        raise ValueError(f"{double.label} has been used up")
    found[place] = replace(double, uses=double.uses + 1)
    tables.doubles.use(double.id)
    use = Use(double=double, outcome=outcome, run_id=facts.run.id, step_id=op.step.id, asked=asked(op))
    tables.history.append(use_entry(use, now_ms=facts.now_ms))
    end = ended(double, outcome, op, run_id=facts.run.id, now_ms=facts.now_ms)
    if isinstance(op, WaitForEvent) and isinstance(end, StepEnded) and not end.has_timed_out:
        _note_unmet(tables, facts, op, end)
    return end


def _note_unmet(tables: Tables, facts: CallFacts, op: WaitForEvent, end: StepEnded) -> None:
    """Say so when a real event like the mocked one would not have ended the wait."""
    if op.expression is None:
        return
    scope = tables.wait_scope(facts.run, parse_json(end.memo))
    try:
        reason = explain_mismatch(compile_expression(op.expression), scope, now_ms=facts.now_ms)
    except InvalidExpressionError as fault:
        reason = f"it does not compile: {fault}"
    if reason is None:
        return
    text = f"The mocked event of step {op.step.name!r} does not meet the condition of the wait: {reason}."
    _note(tables, facts, op, text)


def _note(tables: Tables, facts: CallFacts, op: WaitForEvent | StepRan, text: str) -> None:
    tables.history.append(
        HistoryEntry(
            run_id=facts.run.id,
            at_ms=facts.now_ms,
            kind=HistoryKind.NOTE,
            step_id=op.step.id,
            detail={"text": text},
        )
    )
