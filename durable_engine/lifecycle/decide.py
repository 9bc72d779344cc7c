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
from durable_engine.lifecycle.ops import Reading, handle, waits_first
from durable_engine.lifecycle.progress import (
    PARALLEL_VERSION,
    call_again,
    continues_after,
    end_step,
    set_mode,
)
from durable_engine.model.changes import Changes
from durable_engine.model.json_value import JSONObject
from durable_engine.model.op import (
    Invoke,
    RunReturned,
    Sleep,
    StepPlanned,
    WaitForEvent,
)
from durable_engine.model.queue_item import ItemKind
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.model.run import UNDECIDED_VERSION, Run
from durable_engine.model.status import StepStatus

_PLANS: Final = (StepPlanned, Sleep, WaitForEvent, Invoke)


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
    if continues_after(facts.open_in_group, frozenset({target.ref.id})):
        call_again(changes, facts.run, now_ms=facts.now_ms)


def _ops(changes: Changes, facts: CallFacts, reply: Ops) -> None:
    run = _run_after(changes, facts.run, reply)
    step_ops = [op for op in reply.ops if not isinstance(op, RunReturned)]
    is_group = len(step_ops) > 1 and any(isinstance(op, _PLANS) for op in step_ops)
    is_joined = is_group and run.execution_version >= PARALLEL_VERSION
    reading = Reading(facts, reply, changes, group_id=facts.item.id if is_joined else None)
    for op in waits_first(step_ops):
        known = facts.steps.get(op.step.id)
        if known is not None and known.status.is_terminal:
            reading.ended.add(op.step.id)  # reported again by a call that raced: the first result stays
        else:
            handle(op, reading)
    if reading.failure is not None:
        _only_failure(changes, facts, reading.failure)
        return
    returned = next((op for op in reply.ops if isinstance(op, RunReturned)), None)
    if returned is not None:
        finish.complete(changes, facts, returned.data)
        return
    _conclude(reading, run)


def _run_after(changes: Changes, run: Run, reply: Ops) -> Run:
    """Return the run with the mode that its next calls need, recording it when it changed."""
    version = run.execution_version
    if version == UNDECIDED_VERSION and reply.sdk_version is not None:
        version = reply.sdk_version
    plans_only = run.plans_only or len(reply.ops) > 1
    if (version, plans_only) != (run.execution_version, run.plans_only):
        set_mode(changes, run, execution_version=version, plans_only=plans_only)
    return replace(run, execution_version=version, plans_only=plans_only)


def _only_failure(changes: Changes, facts: CallFacts, error: JSONObject) -> None:
    """End the run; nothing else that the reply asked for counts."""
    for asked in (changes.steps, changes.items, changes.pauses, changes.invocations, changes.retries):
        asked.clear()
    finish.fail(changes, facts, error)


def _conclude(reading: Reading, run: Run) -> None:
    """Call the function again if its turn has come, and never leave the run with nothing to do."""
    facts, changes = reading.facts, reading.changes
    ended = frozenset(reading.ended)
    if facts.item.kind is ItemKind.STEP and not changes.retries and facts.item.step_id not in ended:
        if facts.item.step_id in facts.steps:
            retry.call_failed(changes, facts, _not_executed(facts))
        return
    is_joined = reading.group_id is not None
    open_in_group = frozenset(reading.opened) if is_joined else facts.open_in_group
    if ended and continues_after(open_in_group, ended):
        call_again(changes, run, now_ms=facts.now_ms)
    elif not ended and not reading.opened and not changes.retries and not facts.has_other_work:
        retry.call_failed(changes, facts, _empty_answer())


def _not_executed(facts: CallFacts) -> Failed:
    name = facts.steps[facts.item.step_id or ""].ref.name
    return Failed(
        error={
            "name": "StepNotExecutedError",
            "message": f"The app was asked to run step {name!r} and answered without running it.",
        }
    )


def _empty_answer() -> Failed:
    return Failed(
        error={
            "name": "EmptyReplyError",
            "message": "The app answered with no new step and no result, so the run cannot go on.",
        }
    )
