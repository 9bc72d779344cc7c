"""Waits, sleeps and invokes in an answer that doubles end before they begin."""

from __future__ import annotations

from dataclasses import replace

from durable_engine.double_uses import Use, use_entry
from durable_engine.doubles.mocks import asked, ended
from durable_engine.lifecycle.facts import CallFacts
from durable_engine.model.double import Double
from durable_engine.model.op import Invoke, Op, Sleep, StepEnded, WaitForEvent, WaitForSignal
from durable_engine.model.reply import Failed, Ops, Reply
from durable_engine.storage.tables import Tables

_WAITS = (Sleep, WaitForEvent, WaitForSignal, Invoke)


def stand_in(tables: Tables, facts: CallFacts, reply: Reply) -> Reply:
    """Return the reply with what doubles end put in place of what they stand in for, and record their uses.

    A double that does not fit its step makes the whole reply a failure of the run. What waits already goes on
    waiting.
    """
    if not isinstance(reply, Ops) or not tables.doubles.exist():
        return reply
    new = {op.step.id for op in reply.ops if isinstance(op, _WAITS) and _is_new(facts, op.step.id)}
    if not new:
        return reply
    run = facts.run
    found = tables.doubles.for_run(run.id, run.function_id, now_ms=facts.engine_ms)
    ops: list[Op] = []
    for op in reply.ops:
        if not isinstance(op, _WAITS) or op.step.id not in new:
            ops.append(op)
            continue
        new.remove(op.step.id)
        place = _place(found, op.step.name, op.step.id, op.step.index)
        if place is None:
            ops.append(op)
            continue
        end = _use(tables, facts, found, place, op)
        if isinstance(end, Failed):
            return end
        ops.append(end)
    return replace(reply, ops=tuple(ops))


def _is_new(facts: CallFacts, step_id: str) -> bool:
    known = facts.steps.get(step_id)
    has_ended = known is not None and known.status.is_terminal
    return not has_ended and step_id not in facts.at_work


def _place(found: list[Double], name: str, step_id: str, index: int) -> int | None:
    for place, double in enumerate(found):
        if double.step is not None and double.outcome is not None and double.fits(name, step_id, index):
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
    return ended(double, outcome, op, run_id=facts.run.id, now_ms=facts.now_ms)
