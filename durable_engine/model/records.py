"""What callers ask about many runs or events, and the pages they get, in engine milliseconds.

Lists are read page by page: `next_cursor` of one page is the `cursor` of the next, None on the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from durable_engine.model.event import Event, EventSender, NotStarted, StartedRun
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.status import RunStatus, StepKind
from durable_engine.model.views import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events to list, newest first.

    The span of time is that of their arrival, `until_ms` excluded. `with_internal` lists the engine's own
    events (`inngest/...`) too.
    """

    name: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    with_internal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some of the events that fit."""

    events: tuple[Event, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """One event with what it did.

    `runs` are the first of `run_count` runs that it started, at once or later, as they are now. `missed` are
    functions that it did not start at once, and why. `woken` and `cancelled` count waiting runs that it
    resumed, and runs that it cancelled. `listeners` are the functions that listen to its name now.
    """

    event: Event
    sender: EventSender | None = None
    runs: tuple[StartedRun, ...] = ()
    run_count: int = 0
    missed: tuple[NotStarted, ...] = ()
    woken: int = 0
    cancelled: int = 0
    listeners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecordPage:
    """Some of the events that fit, with what they did."""

    events: tuple[EventRecord, ...]
    next_cursor: str | None = None


class RunMoment(StrEnum):
    """A moment in the life of a run, by which runs are chosen and ordered."""

    QUEUED = "queued"
    STARTED = "started"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list; newest first, unless `oldest_first`.

    `app` is a name or UUID, `function` as in `Engine.invoke_function`; both find what is not synced any
    more, too. `statuses` are alternatives, none of them means any. `event_id` is the ULID of the event that
    started the runs, `event_name` the name of one. `from_ms` and `until_ms` (excluded) are about `moment`;
    runs that have not come to it are left out. The moment QUEUED is that at which the engine took a run, in
    the engine's time; the others are in the run's own time, which may have been skipped.
    """

    app: str | None = None
    function: str | None = None
    statuses: frozenset[RunStatus] = frozenset()
    event_id: str | None = None
    event_name: str | None = None
    moment: RunMoment = RunMoment.QUEUED
    from_ms: int | None = None
    until_ms: int | None = None
    oldest_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run without its steps.

    `output` and `error` are None in lists that were asked for without them. `cron` is the schedule that
    started the run, if one did. Lists that were asked for with states have, of a run that has not ended, what
    says where it stands as `view` (without the steps that have ended), and of one that was cancelled the
    reason: the end of a sentence.
    """

    id: str
    status: RunStatus
    function_id: str
    function_slug: str
    function_name: str
    app_name: str
    event_id: str
    event_name: str
    queued_ms: int
    received_ms: int
    """When the engine took it, in the engine's time; `queued_ms` is in the run's own, as are the others."""
    started_ms: int | None = None
    ended_ms: int | None = None
    output: JSONValue = None
    error: JSONObject | None = None
    parent_run_id: str | None = None
    original_run_id: str | None = None
    cron: str | None = None
    view: RunView | None = None
    cancelled: str | None = None
    event_ids: tuple[str, ...] = ()
    """Ids of all events that started it, `event_id` first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Some of the runs that fit."""

    runs: tuple[RunRecord, ...]
    next_cursor: str | None = None


class SpanStatus(StrEnum):
    """How far the work of a span is. WAITING: for its turn, for time, or for something from outside."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a run: the run itself, one of its steps, or one attempt.

    `step_id` and `kind` are set for steps, `attempt` (from 0) for attempts. A step has attempts as children
    once one has failed. `child_run_ids` are the runs that an invoke step started.
    """

    id: str
    name: str
    status: SpanStatus
    queued_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    kind: StepKind | None = None
    step_id: str | None = None
    attempt: int | None = None
    input: JSONValue = None
    output: JSONValue = None
    error: JSONObject | None = None
    child_run_ids: tuple[str, ...] = ()
    children: tuple[Span, ...] = ()
