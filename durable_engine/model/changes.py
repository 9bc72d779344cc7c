"""What a decision wants done: plain lists that one transaction writes, or nothing of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from durable_engine.model.appointment import Appointment
from durable_engine.model.decision import EventDecision
from durable_engine.model.event import Event, EventEffect, EventSender, StartedRun
from durable_engine.model.function import Function
from durable_engine.model.history import HistoryEntry
from durable_engine.model.json_value import JSONObject
from durable_engine.model.lane import Placing
from durable_engine.model.pause import CancelTrigger, Pause
from durable_engine.model.queue_item import NewItem
from durable_engine.model.run import Run, Timeline
from durable_engine.model.status import RunStatus
from durable_engine.model.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMode:
    """How the run's next calls are made."""

    run_id: str
    execution_version: int
    plans_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """A run ends: its queue items, pauses and cancel triggers go, its open steps become CANCELLED."""

    run: Run
    status: RunStatus
    ended_ms: int
    output: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRetry:
    """The same item again at `due_ms`, as `attempt`."""

    item_id: int
    due_ms: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A step of `source` wants another function to run; `function` is its slug or UUID."""

    run_id: str
    source: Function
    step: Step
    function: str
    data: JSONObject
    user: JSONObject
    v: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWrite:
    """A step's new state. It is dropped when the step has already ended: the first result wins."""

    run_id: str
    step: Step


@dataclass(slots=True, kw_only=True)
class Changes:
    """The outcome of one decision."""

    events: list[Event] = field(default_factory=list)
    """Events to store."""
    new_runs: list[Run] = field(default_factory=list)
    timelines: list[Timeline] = field(default_factory=list)
    """Times of their own, for new runs whose time is skipped."""
    start_keys: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Idempotency: (function id, key, run id, expiry in engine milliseconds)."""
    run_events: list[tuple[str, list[str]]] = field(default_factory=list)
    """Events of runs that are for several: (run id, event ids)."""
    placings: dict[str, Placing] = field(default_factory=dict)
    """Where the calls of new runs wait for their turn, by run id."""
    rates: list[tuple[str, str, int]] = field(default_factory=list)
    """States of rate limits: (function id, key, slot of the last start in microseconds)."""
    appointments: list[Appointment] = field(default_factory=list)
    collected: list[tuple[Appointment, str]] = field(default_factory=list)
    """Events that become part of a batch: (the batch with it, event id)."""
    kept: list[tuple[Appointment, str | None]] = field(default_factory=list)
    """Appointments that are over: (appointment, id of the run that it started, if it did)."""
    modes: list[RunMode] = field(default_factory=list)
    steps: list[StepWrite] = field(default_factory=list)
    items: list[NewItem] = field(default_factory=list)
    retries: list[ItemRetry] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    cancel_triggers: list[CancelTrigger] = field(default_factory=list)
    displaced: list[tuple[str, str]] = field(default_factory=list)
    """Waits for a signal that another step has taken over, as (run id, step id): they can only time out."""
    closed_waits: list[tuple[str, str]] = field(default_factory=list)
    """Waits that are over, as (run id, step id): their pauses and timers go."""
    ends: list[RunEnd] = field(default_factory=list)
    history: list[HistoryEntry] = field(default_factory=list)

    emitted: list[Event] = field(default_factory=list)
    """Events the engine itself sends: they start and resume runs in the same transaction."""
    invocations: list[Invocation] = field(default_factory=list)

    started: list[StartedRun] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    replaced: list[tuple[str, str]] = field(default_factory=list)
    """Runs to cancel for another one: (run id, reason)."""
    refused: list[tuple[tuple[str, str], str]] = field(default_factory=list)
    """Steps whose invocation starts no run: ((run id, step id), reason)."""
    effects: list[EventEffect] = field(default_factory=list)
    """Waits that an event ended, and runs that it cancelled."""
    sent: list[EventSender] = field(default_factory=list)
    """Steps that sent events, as their results tell."""
    decisions: list[EventDecision] = field(default_factory=list)
    """Why functions that listen to an event are not started by it, now or at all."""

    def run_ids(self) -> set[str]:
        """Return the runs that are otherwise after this."""
        ids = {run.id for run in self.new_runs} | {end.run.id for end in self.ends} | set(self.resumed)
        return ids | {write.run_id for write in self.steps} | {entry.run_id for entry in self.history}
