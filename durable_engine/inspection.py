"""Assemble what callers see of a run from what is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from durable_engine.double_uses import body_counts, uses_in
from durable_engine.model.decision import EventDecision
from durable_engine.model.double import HAS_CALL, DoubleUse, FaultKind
from durable_engine.model.event import NotStarted, StartedRun
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject, JSONValue, parse_stored
from durable_engine.model.queue_item import ItemKind, QueueItem
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.step import Step
from durable_engine.model.views import FailedAttempt, Hold, RunView, StepView, WaitingFor
from durable_engine.redaction import redacted_url
from durable_engine.registry import Registry
from durable_engine.standing import standings
from durable_engine.storage.tables import Tables

MAX_HANDLERS: Final = 5
"""Runs named that a failure has started: a function has one handler, and few listen to all failures."""
_FAILURES: Final = frozenset({HistoryKind.CALL_FAILED, HistoryKind.STEP_ERRORED})
_NOW: Final = _FAILURES | {HistoryKind.DOUBLED}
PLANS: Final = frozenset({HistoryKind.STEP_PLANNED, HistoryKind.STEP_WAITING})
_STEP_ENDS: Final = frozenset(
    {HistoryKind.STEP_COMPLETED, HistoryKind.STEP_FAILED, HistoryKind.STEP_TIMED_OUT}
)
_WAIT_KINDS: Final = {
    StepKind.SLEEP: "sleep",
    StepKind.WAIT_FOR_EVENT: "event",
    StepKind.INVOKE: "invoke",
    StepKind.WAIT_FOR_SIGNAL: "signal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of the steps of a run besides their rows; all by the ids of steps."""

    failures: Mapping[str | None, Sequence[FailedAttempt]]
    children: Mapping[str | None, str]
    pauses: frozenset[str]
    ended_here: frozenset[str | None] | None
    """Steps that ended in this run; None unless it repeats another one."""
    planned: frozenset[str | None]
    """Steps that were asked for before they were carried out."""
    edited: Mapping[str | None, str]
    """What was edited: `input` or `output`."""
    held: Mapping[str | None, WaitingFor]
    """Calls that wait for their turn."""
    doubled: Mapping[str | None, str]
    """What doubles did last, in this run."""
    doubled_before: Mapping[str | None, str]
    """And in those that it repeats."""
    bodies: Mapping[str | None, int]
    late: Mapping[str | None, int]
    """When the answers count that a fault makes late."""
    now_ms: int


def view_run(
    tables: Tables, registry: Registry, run: Run, *, now_ms: int, only_open: bool = False
) -> RunView:
    """Return a run as callers see it, with all times in its own time.

    `only_open`: with what says where the run stands now, for a row of a list: its open steps and their
    failures. The other steps, notes, holds and what doubles did elsewhere are left out.
    """
    function = registry.by_id(run.function_id)
    history = tables.history.of_run(run.id, _NOW if only_open else None)
    queue = [replace(item, due_ms=run.at(item.due_ms)) for item in tables.queue.of_run(run.id)]
    known = _known(tables, run, history, queue, now_ms=now_ms)
    stored = tables.steps.open(run.id) if only_open else tables.steps.all(run.id)
    steps = tuple(_view_step(step, known) for step in stored)
    return RunView(
        id=run.id,
        status=run.status,
        function_slug=function.slug,
        function_name=function.name,
        app_name=function.app_name,
        event=tables.events.get(run.event_id),
        queued_ms=run.queued_ms,
        now_ms=run.at(now_ms),
        started_ms=run.started_ms,
        ended_ms=run.ended_ms,
        output=parse_stored(run.output),
        error=parse_stored(run.error),
        steps=steps,
        failures=tuple(known.failures.get(None, ())),
        waiting_for=_run_waits(run, steps, queue, known, is_endpoint=function.is_endpoint),
        attempt=_attempt(queue, known.failures),
        max_attempts=function.max_attempts,
        parent_run_id=run.parent_run_id,
        child_run_ids=tuple(tables.runs.children(run.id)),
        original_run_id=run.original_run_id,
        cancelled=_text_of(history, HistoryKind.RUN_CANCELLED, "reason"),
        notes=tuple(str(entry.detail["text"]) for entry in history if entry.kind is HistoryKind.NOTE),
        holds=_holds(history),
        event_ids=tuple(tables.runs.event_ids(run)),
        failure_handlers=_failure_handlers(tables, registry, run),
        is_archived=function.is_archived,
        is_endpoint=function.is_endpoint,
        timeline_id=run.timeline_id,
        skipped_ms=run.skipped_ms,
        doubles=uses_in(history),
        doubled_below=tuple(tables.history.doubled_below(run.id)) if known.children and not only_open else (),
        unused_doubles=tuple(
            double for double in tables.doubles.of_scope(run.id) if not (double.uses or double.withholds)
        ),
    )


def _known(
    tables: Tables, run: Run, history: Sequence[HistoryEntry], queue: Sequence[QueueItem], *, now_ms: int
) -> _Known:
    uses = uses_in(history)
    children = map(tables.runs.get_lean, tables.runs.children(run.id))
    return _Known(
        failures=_failures(history),
        children={child.parent_step_id: child.id for child in children if child},
        pauses=tables.pauses.steps_waiting(run.id),
        ended_here=_ended_steps(history) if run.original_run_id is not None else None,
        planned=frozenset(entry.step_id for entry in history if entry.kind in PLANS),
        edited={
            entry.step_id: str(entry.detail["what"])
            for entry in history
            if entry.kind is HistoryKind.STEP_EDITED
        },
        held={wait.step_id: wait for wait in _held(tables, run, now_ms=now_ms)},
        doubled={use.step_id: use.outcome for use in uses},
        doubled_before=_doubled_before(tables, run),
        bodies=body_counts(history),
        late=_late(uses, queue, now_ms=run.at(now_ms)),
        now_ms=run.at(now_ms),
    )


def _text_of(history: Sequence[HistoryEntry], kind: HistoryKind, key: str) -> str | None:
    texts = [entry.detail.get(key) for entry in history if entry.kind is kind]
    return str(texts[0]) if texts and texts[0] else None


def _held(tables: Tables, run: Run, *, now_ms: int) -> Iterator[WaitingFor]:
    if run.status.is_terminal:
        return
    for standing in standings(tables, run.id, now_ms=now_ms):
        step = None if standing.step_id is None else tables.steps.get(run.id, standing.step_id)
        yield WaitingFor(
            kind=standing.kind,
            until_ms=None if standing.until_ms is None else run.at(standing.until_ms),
            step_id=standing.step_id,
            step_name=None if step is None else step.ref.label,
            reason=standing.reason,
        )


def _doubled_before(tables: Tables, run: Run) -> dict[str | None, str]:
    """Return what doubles did to steps in the runs that this one repeats, the newest of them counting."""
    found: dict[str | None, str] = {}
    original_id = run.original_run_id
    while original_id is not None:
        for use in reversed(uses_in(tables.history.of_run(original_id))):
            found.setdefault(use.step_id, use.outcome)
        original = tables.runs.get_lean(original_id)
        original_id = None if original is None else original.original_run_id
    return found


def _late(uses: Sequence[DoubleUse], queue: Sequence[QueueItem], *, now_ms: int) -> dict[str | None, int]:
    """Return when the answers count that are in hand, by the step of their call."""
    slow = {(use.step_id, use.attempt) for use in uses if use.outcome == FaultKind.SLOW_REPLY}
    return {
        item.step_id: item.due_ms
        for item in queue
        if item.kind.is_call and item.due_ms > now_ms and (item.step_id, item.attempt) in slow
    }


def _holds(history: Sequence[HistoryEntry]) -> tuple[Hold, ...]:
    return tuple(
        Hold(
            by=str(entry.detail["by"]),
            from_ms=int(entry.detail["since_ms"]),
            until_ms=entry.at_ms,
            step_id=entry.step_id,
        )
        for entry in history
        if entry.kind is HistoryKind.HELD
    )


def _failures(history: Sequence[HistoryEntry]) -> dict[str | None, list[FailedAttempt]]:
    found: dict[str | None, list[FailedAttempt]] = defaultdict(list)
    for entry in history:
        if entry.kind in _FAILURES:
            found[entry.step_id].append(
                FailedAttempt(
                    attempt=entry.attempt or 0,
                    at_ms=entry.at_ms,
                    error=entry.detail.get("error") or {},
                    step_id=entry.step_id,
                    next_attempt_ms=entry.detail.get("next_attempt_ms"),
                )
            )
    return found


def _ended_steps(history: Sequence[HistoryEntry]) -> frozenset[str | None]:
    return frozenset(entry.step_id for entry in history if entry.kind in _STEP_ENDS)


def _failure_handlers(tables: Tables, registry: Registry, run: Run) -> tuple[StartedRun, ...]:
    """Return the runs that the failure of a run started: the event that tells of it has the run's id."""
    if run.status is not RunStatus.FAILED:
        return ()
    return tuple(existing_run(registry, handler) for handler in tables.runs.of_event(run.id)[:MAX_HANDLERS])


def existing_run(registry: Registry, run: Run) -> StartedRun:
    """Return what is said of a run that was started before."""
    return StartedRun(
        run_id=run.id,
        function_slug=registry.by_id(run.function_id).slug,
        status=run.status,
        due_ms=run.queued_ms,
        existed=True,
    )


def not_started(tables: Tables, event_id: str) -> tuple[NotStarted, ...]:
    """Return what the record of an event says of functions that it did not start at once."""
    return tuple(map(as_not_started, tables.decisions.of_event(event_id)))


def as_not_started(entry: EventDecision) -> NotStarted:
    """Return what callers see of a decision."""
    decision = entry.decision
    return NotStarted(
        function_slug=entry.function_slug,
        reason=decision.reason,
        decision=decision.kind,
        control=decision.control.value,
        until_ms=decision.until_ms,
        run_id=decision.run_id,
    )


def _view_step(step: Step, known: _Known) -> StepView:
    memo = parse_stored(step.memo)
    # What was taken over from the original ended there, and is no part of this run's history.
    is_taken_over = (
        step.status.is_terminal
        and known.ended_here is not None
        and step.memo is not None
        and step.ref.id not in known.ended_here
        and known.edited.get(step.ref.id) != "output"
    )
    return StepView(
        id=step.ref.id,
        name=step.ref.name,
        index=step.ref.index,
        kind=step.kind,
        status=step.status,
        queued_ms=step.queued_ms,
        started_ms=step.started_ms,
        ended_ms=step.ended_ms,
        attempts=step.attempts,
        input=parse_stored(step.input),
        output=_output(step, memo),
        error=None if step.status is StepStatus.COMPLETED else parse_stored(step.error),
        has_timed_out=step.has_timed_out,
        failures=tuple(known.failures.get(step.ref.id, ())),
        waiting_for=_step_wait(step, known),
        child_run_id=known.children.get(step.ref.id),
        is_taken_over=is_taken_over,
        edited=known.edited.get(step.ref.id),
        group_id=step.group_id if step.ref.id in known.planned else None,
        doubled=(known.doubled_before if is_taken_over else known.doubled).get(step.ref.id),
        body_runs=known.bodies[step.ref.id] if step.kind in HAS_CALL else None,
    )


def _output(step: Step, memo: JSONValue) -> JSONValue:
    if step.status is not StepStatus.COMPLETED:
        return None
    # The memos of a sleep (null) and of a matched wait (the event) are not wrapped.
    if step.kind in {StepKind.SLEEP, StepKind.WAIT_FOR_EVENT} or not isinstance(memo, dict):
        return memo
    data = memo.get("data")
    if step.kind is StepKind.FETCH and isinstance(data, dict) and isinstance(data.get("url"), str):
        return {**data, "url": redacted_url(data["url"])}
    return data


def _step_wait(step: Step, known: _Known) -> WaitingFor | None:
    if step.status is StepStatus.RUNNING and step.ref.id in known.late:
        until_ms = known.late[step.ref.id]
        return WaitingFor(kind="reply", until_ms=until_ms, step_id=step.ref.id, step_name=step.ref.label)
    if step.status is not StepStatus.WAITING:
        return known.held.get(step.ref.id) if step.status is StepStatus.QUEUED else None
    # A step that waits while its code may run again is waiting for its next attempt, unless that is
    # under way: an attempt of a step without a call of its own shows only when it is answered.
    kind = _WAIT_KINDS.get(step.kind, "retry")
    if kind == "retry" and (step.due_ms is None or step.due_ms <= known.now_ms):
        return known.held.get(step.ref.id)
    detail: JSONObject = {} if step.kind.is_gateway else parse_stored(step.detail) or {}
    return WaitingFor(
        kind=kind,
        until_ms=step.due_ms,
        step_id=step.ref.id,
        step_name=step.ref.label,
        event_name=detail.get("event"),
        expression=detail.get("expression"),
        run_id=known.children.get(step.ref.id),
        function_slug=detail.get("function"),
        signal=detail.get("signal"),
        is_displaced=kind == "signal" and step.ref.id not in known.pauses,
    )


def _run_waits(
    run: Run,
    steps: Sequence[StepView],
    queue: Sequence[QueueItem],
    known: _Known,
    *,
    is_endpoint: bool,
) -> tuple[WaitingFor, ...]:
    """Return what the run waits for: its waiting steps, its turn, or the due time of its next call."""
    waits = [step.waiting_for for step in steps if step.waiting_for is not None]
    retried_steps = any(wait.kind == "retry" for wait in waits)
    if None in known.held:
        waits.append(known.held[None])
    for item in queue:
        if item.kind is not ItemKind.DISCOVER or item.due_ms <= known.now_ms or retried_steps:
            continue
        kind = "start" if run.status is RunStatus.QUEUED else "retry"
        if kind == "retry" and is_endpoint and item.attempt == 0:
            kind = "report"  # the call that is made if the app says nothing more
        if None in known.late:
            kind = "reply"
        waits.append(WaitingFor(kind=kind, until_ms=item.due_ms))
    return tuple(waits)


def _attempt(queue: Sequence[QueueItem], failures: Mapping[str | None, Sequence[FailedAttempt]]) -> int:
    """Return the present (or last) attempt of the function itself, from 0."""
    for item in queue:
        if item.kind is ItemKind.DISCOVER:
            return item.attempt
    whole = failures.get(None, ())
    return whole[-1].attempt if whole else 0
