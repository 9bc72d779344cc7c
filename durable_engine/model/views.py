"""What callers read: runs, steps and apps assembled for an answer, in engine milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_engine.model.double import Double, DoubleUse
from durable_engine.model.event import Event, StartedRun
from durable_engine.model.function import Function
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.op import step_label
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.unsupported import UnsupportedUse


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """One call or step attempt that failed. `attempt` counts the calls made for this piece of work, from 0.

    `next_attempt_ms` is when the next attempt is (or was) due, None when it was the last one.
    """

    attempt: int
    at_ms: int
    error: JSONObject
    step_id: str | None = None
    next_attempt_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFor:
    """What a run or step that is not being executed waits for.

    `kind` is one of `sleep`, `event`, `signal`, `invoke`, `retry`, `start` (the run's event lies in the
    future), `report` (a durable endpoint handles the request that started the run by itself), `concurrency`,
    `throttle` or `slot` (its call waits for its turn, and `reason` says what holds it), `paused`, `reply` (an
    injected fault makes an answer late).
    `until_ms` is when the wait ends by itself, or for `throttle` at the earliest. The others are set where
    they apply.
    `is_displaced`: another step has taken over the signal, so that this wait can only time out.
    """

    kind: str
    until_ms: int | None = None
    step_id: str | None = None
    step_name: str | None = None
    event_name: str | None = None
    expression: str | None = None
    run_id: str | None = None
    function_slug: str | None = None
    signal: str | None = None
    is_displaced: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A call that waited for its turn from `from_ms` to `until_ms`; `by` names what held it."""

    by: str
    from_ms: int
    until_ms: int
    step_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of a run.

    `id` is the SDK's hashed id, `name` the id in the user's code, `index` counts repeats of it from 0.
    `attempts` counts the attempts made so far. `output` is set on COMPLETED, `error` on FAILED and, for
    a step that is being retried, with the newest failure. `child_run_id` is the run that an INVOKE step
    started. `is_taken_over`: the run repeats another one and has the result from there. `edited` says what it
    has otherwise than that one: `input` or `output`.
    `doubled` names what a double did last in place of the step (`result`, `reply_lost`), in the original run
    if it is taken over. `body_runs` is how
    often the step's work was done, answers that were lost included, as far as the engine can know; None for
    steps that only wait.
    """

    id: str
    name: str
    index: int
    kind: StepKind
    status: StepStatus
    queued_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    attempts: int = 0
    input: JSONValue = None
    output: JSONValue = None
    error: JSONObject | None = None
    has_timed_out: bool = False
    failures: tuple[FailedAttempt, ...] = ()
    waiting_for: WaitingFor | None = None
    child_run_id: str | None = None
    is_taken_over: bool = False
    edited: str | None = None
    group_id: int | None = None
    """The same for steps that were asked for together."""
    doubled: str | None = None
    body_runs: int | None = None

    @property
    def label(self) -> str:
        """How people name the step: `charge`, `charge[1]` for a repeat."""
        return step_label(self.name, self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run with its steps in the order they were first seen.

    `failures` are failed calls that no single step accounts for (app unreachable, error outside steps).
    `cancelled` says why the run was cancelled: the end of a sentence. `original_run_id` is the run that
    this one repeats.
    `notes` are sentences of the engine about what it did otherwise than an Inngest server.
    `failure_handlers` are the first runs that were started because this one failed. `is_archived` and
    `is_endpoint` tell of its function: no longer synced, started by requests to the app.
    """

    id: str
    status: RunStatus
    function_slug: str
    function_name: str
    app_name: str
    event: Event
    """The event that started it, the first one of a batch."""
    queued_ms: int
    now_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    output: JSONValue = None
    error: JSONObject | None = None
    steps: tuple[StepView, ...] = ()
    failures: tuple[FailedAttempt, ...] = ()
    waiting_for: tuple[WaitingFor, ...] = ()
    attempt: int = 0
    max_attempts: int = 1
    parent_run_id: str | None = None
    child_run_ids: tuple[str, ...] = ()
    original_run_id: str | None = None
    cancelled: str | None = None
    notes: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    """Calls that had to wait for their turn and were made."""
    event_ids: tuple[str, ...] = ()
    """Ids of all events that started it."""
    failure_handlers: tuple[StartedRun, ...] = ()
    is_archived: bool = False
    is_endpoint: bool = False
    timeline_id: str | None = None
    """Set for a run whose time is skipped: the id of the run with which its time of its own began."""
    skipped_ms: int = 0
    """How much of its time was skipped, so that its times are that much ahead of real ones."""
    clock_shift_ms: int = field(default=0, compare=False)
    is_engine_stopping: bool = field(default=False, compare=False)
    storage_fault: tuple[str, str] | None = field(default=None, compare=False)
    """What keeps the engine from storing how the run goes on, and what to do about it."""
    """How far the engine's clock is ahead of the real one, because somebody has moved it."""
    doubles: tuple[DoubleUse, ...] = ()
    """Each use of a mock or a fault in this run, in order."""
    doubled_below: tuple[str, ...] = ()
    """Ids of the first few runs below it, invoked by it or by those, in which doubles applied."""
    unused_doubles: tuple[Double, ...] = ()
    """Doubles that were given to this run and have not applied to anything."""
    is_elsewhere: bool = False
    """It is a run of another server, as far as that tells of it: what is not here may be so all the same."""
    are_steps_known: bool = True
    """False for a run of another server, which has no trace of it."""

    @property
    def is_real(self) -> bool:
        """Whether no double has touched it: neither here nor where its steps have their results from."""
        taken_over = any(step.is_taken_over and step.doubled for step in self.steps)
        return not (self.doubles or self.doubled_below or taken_over)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppView:
    """An app, or a URL that was asked for and has not synced yet (`name` is then None).

    `url` is fit to be shown; `address` is where the app is called, perhaps with a password in it.
    """

    url: str
    name: str | None = None
    sdk: str = ""
    framework: str = ""
    last_sync_ms: int | None = None
    is_reachable: bool = False
    error: str | None = None
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All synced functions and the apps they came from; `unsupported` is what apps asked for in vain.

    `ticks` says when schedules start their next run, in engine milliseconds, by (function id, schedule).
    `doubles` are the standing doubles, `now_ms` is the time of the engine.
    """

    functions: tuple[Function, ...]
    apps: tuple[AppView, ...]
    unsupported: tuple[UnsupportedUse, ...] = ()
    ticks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    doubles: tuple[Double, ...] = ()
    now_ms: int = 0
    clock_shift_ms: int = 0
    """How far the engine's clock is ahead of the real one."""
    storage_fault: tuple[str, str] | None = None
    """What keeps the data file from being used at the moment, and what to do about it."""
