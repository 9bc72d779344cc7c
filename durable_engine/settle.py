"""Carry a decision through to its last consequence, inside one transaction.

Writing `Changes` may call for more decisions: the engine's own events start and wake runs, an invocation
starts a child run, a run that ended wakes its parent. They are decided one after the other, each on the
state the one before it left, until nothing is left to decide.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from durable_engine.cancelling import cancellation, cancelled_by, run_facts
from durable_engine.ids import derived_ulid, uuid_for
from durable_engine.ingest import plan_event, resume_wait, waits_met
from durable_engine.lifecycle import finish
from durable_engine.lifecycle.resume import child_ended, resume_with
from durable_engine.model.changes import Changes, Invocation, RunEnd
from durable_engine.model.decision import EventDecision
from durable_engine.model.event import FUNCTION_INVOKED, Event, StartedRun
from durable_engine.model.function import Function
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject, parse_json, to_json
from durable_engine.model.plan import AS_USUAL, Conditions
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus
from durable_engine.model.step import Step
from durable_engine.registry import Registry
from durable_engine.starting import Start, consider
from durable_engine.storage.tables import Tables

logger = logging.getLogger(__name__)

MAX_STATE_BYTES: Final = 32 * 1024 * 1024


@dataclass(slots=True)
class Settled:
    """What a transaction did that others wait for or answer with."""

    started: list[StartedRun] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    decisions: list[EventDecision] = field(default_factory=list)
    """Why functions were not started, by any event of the transaction."""
    ended: list[str] = field(default_factory=list)
    """Ids of the runs that ended, in whatever way."""
    cancelled: list[str] = field(default_factory=list)
    """Those of them that were cancelled."""
    rested: list[str] = field(default_factory=list)
    """Timelines in which nothing goes on by itself any more."""
    changed: set[str] = field(default_factory=set)
    """Ids of all runs that are otherwise than before."""

    def add(self, other: Settled) -> None:
        """Add what another change of the same transaction did."""
        self.started += other.started
        self.resumed += other.resumed
        self.decisions += other.decisions
        self.ended += other.ended
        self.cancelled += other.cancelled
        self.rested += other.rested
        self.changed |= other.changed


class Settlement:
    """One transaction's chain of decisions."""

    def __init__(self, tables: Tables, registry: Registry, *, now_ms: int) -> None:
        self._tables = tables
        self._registry = registry
        self._now_ms = now_ms
        self._next: deque[Callable[[], Iterable[Changes]]] = deque()
        self.settled = Settled()

    def apply(self, changes: Changes) -> Settled:
        """Write `changes` and everything that follows from them."""
        self._write(changes)
        while self._next:
            for following in self._next.popleft()():
                self._write(following)
        return self.settled

    def ingest(
        self,
        event: Event,
        *,
        under: Conditions = AS_USUAL,
        cause: Run | None = None,
    ) -> Settled:
        """Store an event and everything that follows from it.

        `under` are conditions for the runs that it starts; those have the time of the run `cause`.
        """
        self._next.append(partial(self._event, event, cause, under=under))
        return self.apply(Changes())

    def _write(self, changes: Changes) -> None:
        sizes = self._tables.apply(changes)
        self.settled.changed |= changes.run_ids()
        for run_id, size in sizes.items():
            if size > MAX_STATE_BYTES:
                last = next(write.step for write in reversed(changes.steps) if write.run_id == run_id)
                self._next.append(partial(self._overflow, run_id, last, size))
        self.settled.started += changes.started
        self.settled.resumed += changes.resumed
        self.settled.decisions += changes.decisions
        for run_id, reason in changes.replaced:
            self._next.append(partial(self._replace, run_id, reason))
        for parent, reason in changes.refused:
            self._next.append(partial(self._refuse, parent, reason))
        for invocation in changes.invocations:
            self._next.append(partial(self._invoke, invocation))
        for end in changes.ends:
            self.settled.ended.append(end.run.id)
            if end.status is RunStatus.CANCELLED:
                self.settled.cancelled.append(end.run.id)
            if end.run.parent_run_id is not None:
                self._next.append(partial(self._wake_parent, end))
        cause = changes.ends[0].run if changes.ends else None  # of the events that tell of its end
        for event in changes.emitted:
            self._next.append(partial(self._event, event, cause))

    def _event(
        self,
        event: Event,
        cause: Run | None = None,
        *,
        under: Conditions = AS_USUAL,
    ) -> Iterable[Changes]:
        plan = plan_event(
            self._tables,
            self._registry,
            event,
            now_ms=self._now_ms,
            timeline=None if cause is None else cause.timeline,
            under=under,
        )
        if event.source == "engine":
            plan.started.clear()  # nobody has asked for these
        yield plan
        yield from cancelled_by(self._tables, self._registry, event, now_ms=self._now_ms)
        for pause in waits_met(self._tables, event, now_ms=self._now_ms):
            changes = resume_wait(self._tables, pause, event, now_ms=self._now_ms)
            if changes is not None:
                yield changes

    def _invoke(self, invocation: Invocation) -> Iterable[Changes]:
        function = self._registry.exact(invocation.function)
        if function is None or function.is_endpoint:
            message = f"could not find function with ID: {invocation.function}"
            yield from self._end_invocation(invocation.run_id, invocation.step.ref.id, message)
            return
        parent_run = self._tables.runs.get_lean(invocation.run_id)
        event = invoked_event(
            function,
            invocation.data,
            invocation.user,
            now_ms=self._now_ms,
            ts_ms=None if parent_run is None else parent_run.at(self._now_ms),
            event_id=derived_ulid(self._now_ms, invocation.run_id, invocation.step.ref.id, "invoke"),
            v=invocation.v,
            about={
                "correlation_id": f"{invocation.run_id}.{invocation.step.ref.id}",
                "source_app_id": uuid_for("app", invocation.source.app_name),
                "source_fn_id": invocation.source.id,
                "name": invocation.step.ref.name,
                "expire": invocation.step.due_ms,
            },
        )
        changes = Changes(events=[event])
        parent = (invocation.run_id, invocation.step.ref.id)
        consider(
            self._tables,
            changes,
            Start(function=function, event=event, now_ms=self._now_ms, is_direct=True, parent=parent),
        )
        changes.started.clear()  # the parent's step shows it
        yield changes

    def _replace(self, run_id: str, reason: str) -> Iterable[Changes]:
        run = self._tables.runs.get(run_id)
        if run is not None and not run.status.is_terminal:
            yield cancellation(self._tables, self._registry, run, reason=reason, now_ms=self._now_ms)

    def _refuse(self, parent: tuple[str, str], reason: str) -> Iterable[Changes]:
        """End a step whose invocation starts no run, so that its run does not wait in vain."""
        yield from self._end_invocation(*parent, f"the invoked function was not started: {reason}")

    def _overflow(self, run_id: str, step: Step, size: int) -> Iterable[Changes]:
        run = self._tables.runs.get(run_id)
        if run is None or run.status.is_terminal:
            return
        changes = Changes()
        error: JSONObject = {
            "name": "InngestErrStateOverflowed",
            "message": f"With the output of step {step.ref.name!r} the state of the run is {size:,} bytes; "
            f"the limit for all steps together is 32 MiB ({MAX_STATE_BYTES:,} bytes).",
        }
        finish.fail(changes, run_facts(self._tables, self._registry, run, now_ms=self._now_ms), error)
        yield changes

    def _end_invocation(self, run_id: str, step_id: str, message: str) -> Iterable[Changes]:
        run, step = self._tables.runs.get(run_id), self._tables.steps.get(run_id, step_id)
        if run is None or step is None or run.status.is_terminal or step.status.is_terminal:
            return
        error: JSONObject = {"name": "Error", "message": message}
        yield resume_with(
            run,
            step,
            memo=to_json({"error": error}),
            around=self._tables.around(run.id, step),
            now_ms=run.at(self._now_ms),
            error=error,
        )

    def _wake_parent(self, end: RunEnd) -> Iterable[Changes]:
        pause = self._tables.pauses.for_child(end.run.id)
        if pause is None:
            return
        run = self._tables.runs.get(pause.run_id)
        step = self._tables.steps.get(pause.run_id, pause.step_id)
        if run is None or step is None:
            return
        yield child_ended(
            run,
            step,
            output=end.output,
            error=_as_child_error(end.error),
            around=self._tables.around(run.id, step),
            now_ms=run.at(self._now_ms),
        )


def repair_stalled(
    tables: Tables, registry: Registry, run_ids: Iterable[str], settled: Settled, *, now_ms: int
) -> None:
    """Let no run hang: one that has not ended and that nothing will ever move is called again, once.

    That only a bug of ours can bring about. Should it stall again, it fails with the reason. What this
    settles is added to `settled`.
    """
    for run_id in dict.fromkeys(run_ids):
        run = tables.runs.stalled(run_id)
        if run is None:
            continue
        was_repaired = tables.history.has(run_id, HistoryKind.RUN_REPAIRED)
        changes = Changes()
        if run.status is RunStatus.QUEUED or not was_repaired:
            logger.error("run %s had nothing left to do; calling it again", run_id)
            changes.items.append(NewItem(run_id=run_id, kind=ItemKind.DISCOVER, due_ms=run.at(now_ms)))
            changes.history.append(
                HistoryEntry(run_id=run_id, at_ms=run.at(now_ms), kind=HistoryKind.RUN_REPAIRED)
            )
        else:
            logger.error("run %s had nothing left to do; ending it", run_id)
            error: JSONObject = {
                "name": "StalledRunError",
                "message": "Stepcue found nothing left to do for this run although it had not ended. "
                "That is a bug of Stepcue: please report it.",
            }
            finish.fail(changes, run_facts(tables, registry, run, now_ms=now_ms), error)
        repaired = Settlement(tables, registry, now_ms=now_ms).apply(changes)
        settled.ended += repaired.ended
        settled.changed |= repaired.changed


def invoked_event(
    function: Function,
    data: JSONObject,
    user: JSONObject,
    *,
    now_ms: int,
    event_id: str,
    ts_ms: int | None = None,
    v: str | None = None,
    about: JSONObject | None = None,
) -> Event:
    """Make the event that a directly started run sees; `about` tells of the step that invoked it."""
    return Event(
        id=event_id,
        public_id=event_id,
        name=FUNCTION_INVOKED,
        data={**data, "_inngest": {"fn_id": function.slug, **(about or {})}},
        user=user,
        ts_ms=now_ms if ts_ms is None else ts_ms,
        received_ms=now_ms,
        v=v,
        source="invoke",
    )


def _as_child_error(error: str | None) -> JSONObject | None:
    """Reshape a failed child's error the way a parent's step gets it."""
    if error is None:
        return None
    parsed = parse_json(error)
    kept: JSONObject = {key: parsed[key] for key in ("name", "message", "stack") if key in parsed}
    return {"error": kept.get("message", ""), **kept}
