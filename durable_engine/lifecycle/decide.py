"""Decide what an app's answer does to its run.

Parallel groups, by execution version of the SDK:
- version 2 and up: steps planned in one reply form a group, each gets a call of its own, and the
  function is called again once, when the whole group has ended;
- version 1: the function is called again after each of them, and from the first group on the SDK is
  asked to plan every step, so that calls that race each other cannot run a step twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, assert_never

from durable_engine.lifecycle import finish, retry
from durable_engine.lifecycle.facts import CallFacts
from durable_engine.lifecycle.ops import handle, waits_first
from durable_engine.lifecycle.progress import (
    PARALLEL_VERSION,
    call_again,
    continues_after,
    end_step,
    set_mode,
)
from durable_engine.lifecycle.reading import Reading
from durable_engine.model.changes import Changes
from durable_engine.model.json_value import JSONObject
from durable_engine.model.op import (
    Gateway,
    Invoke,
    Op,
    RunReturned,
    Sleep,
    StepEnded,
    StepErrored,
    StepOp,
    StepPlanned,
    StepRan,
    WaitForEvent,
    WaitForSignal,
)
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.model.run import UNDECIDED_VERSION, Run
from durable_engine.model.status import StepStatus
from durable_engine.model.step import Step

MAX_STEPS: Final = 1_000
_PLANS: Final = (StepPlanned, Sleep, WaitForEvent, WaitForSignal, Gateway, Invoke, StepEnded)


def decide(facts: CallFacts, reply: Reply) -> Changes:
    """Return what `reply` to the call for `facts.item` changes."""
    changes = Changes()
    match reply:
        case Returned():
            _returned(changes, facts, reply)
        case Failed():
            retry.call_failed(changes, facts, reply)
        case Ops():
            _ops(changes, facts, reply)
        case _:
            assert_never(reply)
    return changes


def _returned(changes: Changes, facts: CallFacts, reply: Returned) -> None:
    target = facts.steps.get(facts.item.step_id) if facts.item.step_id else None
    if target is None:
        finish.complete(changes, facts, reply.data)
        return
    # Go answers 200 null when the targeted step is no longer in the code: that is no result of the run.
    gone = replace(target, status=StepStatus.CANCELLED)
    end_step(changes, facts.run.id, gone, now_ms=facts.now_ms)
    if continues_after(target, facts.open_in_group):
        call_again(changes, facts.run, is_alone=not facts.has_other_work, now_ms=facts.now_ms)


def _ops(changes: Changes, facts: CallFacts, reply: Ops) -> None:
    step_ops = [op for op in reply.ops if not isinstance(op, RunReturned)]
    # Several steps that only ran were buffered by a checkpointing SDK: they ran one after the other.
    is_group = len(step_ops) > 1 and any(isinstance(op, _PLANS) for op in step_ops)
    run = _run_after(changes, facts.run, reply, is_group=is_group)
    is_joined = is_group and run.execution_version >= PARALLEL_VERSION
    reading = Reading(facts, reply, changes, group_id=facts.item.id if is_joined else None)
    _read(reading, step_ops)
    if reading.failure is not None:
        _only_failure(changes, facts, reading.failure)
        return
    returned = next((op for op in reply.ops if isinstance(op, RunReturned)), None)
    if returned is not None:
        finish.complete(changes, facts, returned.data)
        return
    _conclude(reading, run)


def _read(reading: Reading, ops: list[StepOp]) -> None:
    """Carry out what the ops ask for, as far as it is new."""
    facts = reading.facts
    first_of_step: dict[str, StepOp] = {}
    for op in waits_first(ops):
        first_of_step.setdefault(op.step.id, op)
    for op in first_of_step.values():
        known = facts.steps.get(op.step.id)
        # A step that has ended is reported again by a call that raced: the first result stays. One that
        # was put to work is planned again by every later call: the first plan stays.
        has_ended = known is not None and known.status.is_terminal
        if not has_ended and not (isinstance(op, _PLANS) and reading.is_at_work(op.step)):
            handle(op, reading)
    new = [op.step for op in ops if op.step.id not in facts.steps]
    new_ids = list(dict.fromkeys(step.id for step in new))
    if (over := facts.step_count + len(new_ids) - MAX_STEPS) > 0:
        first = next(step for step in new if step.id == new_ids[-over])
        reading.fail(
            "InngestErrFunctionOverflowed",
            f"The function run exceeded the step limit of {MAX_STEPS} steps with step {first.name!r}.",
        )


def checkpoint(facts: CallFacts, reply: Ops) -> Changes:
    """Return what steps change that the SDK reports while its call goes on.

    Source: TypeScript 4 and Go, `POST /v1/checkpoint/{run}/async`. The SDK goes on by itself, so nothing
    is enqueued. A limit that is passed here ends the run.
    """
    changes = Changes()
    reading = Reading(facts, reply, changes, group_id=None)
    _read(reading, [op for op in map(_as_ran, reply.ops) if op is not None])
    if reading.failure is not None:
        _only_failure(changes, facts, reading.failure)
    return changes


def _as_ran(op: Op) -> StepOp | None:
    """Return what a checkpointed op counts as.

    A step that throws nothing at all (`throw undefined`) is reported as an error, and the SDK then goes on
    as if it had returned null.
    """
    if isinstance(op, StepErrored):
        return StepRan(step=op.step, data=None, kind=op.kind)
    return op if isinstance(op, StepRan) else None


def _run_after(changes: Changes, run: Run, reply: Ops, *, is_group: bool) -> Run:
    """Return the run with the mode that its next calls need, recording it when it changed."""
    version = run.execution_version
    if version == UNDECIDED_VERSION and reply.sdk_version is not None:
        version = reply.sdk_version
    plans_only = run.plans_only or is_group
    if (version, plans_only) == (run.execution_version, run.plans_only):
        return run
    set_mode(changes, run, execution_version=version, plans_only=plans_only)
    return replace(run, execution_version=version, plans_only=plans_only)


def _only_failure(changes: Changes, facts: CallFacts, error: JSONObject) -> None:
    """End the run; nothing else that the reply asked for counts."""
    for asked in (
        changes.steps,
        changes.items,
        changes.pauses,
        changes.invocations,
        changes.retries,
        changes.displaced,
    ):
        asked.clear()
    changes.history = [entry for entry in changes.history if entry.run_id == facts.run.id]
    finish.fail(changes, facts, error)


def _conclude(reading: Reading, run: Run) -> None:
    """Call the function again if its turn has come, and never leave the run with nothing to do."""
    facts, changes = reading.facts, reading.changes
    target = facts.steps.get(facts.item.step_id) if facts.item.step_id else None
    if target is not None and not target.status.is_terminal and target.ref.id not in reading.ended:
        if not changes.retries:
            retry.call_failed(changes, facts, _not_executed(target))
    elif reading.ended and _is_turn(reading):
        is_alone = not facts.has_other_work and not reading.opened
        call_again(changes, run, is_alone=is_alone, now_ms=facts.now_ms)
    elif not reading.ended and not reading.opened and not changes.retries and not facts.has_other_work:
        if (target is not None and target.memo is not None) or _reports_again(reading):
            call_again(changes, run, is_alone=True, now_ms=facts.now_ms)
        else:
            retry.call_failed(changes, facts, _nothing_new())


def _reports_again(reading: Reading) -> bool:
    """Whether steps that ended during the call are in its answer, too.

    An SDK that got no answer to a checkpoint reports its steps once more, and expects to be called again.
    """
    steps, sent = reading.facts.steps, reading.facts.sent
    return sent is not None and any(
        step.memo is not None and step_id not in sent for step_id, step in steps.items()
    )


def _is_turn(reading: Reading) -> bool:
    """Whether the function goes on: nothing else of the group is open, or a race has its winner."""
    refs = {op.step.id: op.step for op in reading.reply.ops if not isinstance(op, RunReturned)}
    known = reading.facts.steps
    if any(
        refs[step_id].is_race or (step_id in known and known[step_id].ref.is_race)
        for step_id in reading.ended
    ):
        return True
    is_joined = reading.group_id is not None
    open_in_group = reading.opened if is_joined else reading.facts.open_in_group
    return not open_in_group - reading.ended


def _not_executed(target: Step) -> Failed:
    return Failed(
        error={
            "name": "StepNotExecutedError",
            "message": f"The app was asked to run step {target.ref.name!r} and answered without running it.",
        }
    )


def _nothing_new() -> Failed:
    return Failed(
        error={
            "name": "EmptyReplyError",
            "message": "The app answered with no new step and no result, so the run cannot go on.",
        }
    )
