"""What an explanation may look at, as of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_engine.model.decision import EventDecision
from durable_engine.model.event import Event, UnmetWait
from durable_engine.model.function import Function
from durable_engine.model.views import AppView, RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call that is open since about `since_ms`; `step_name` is the step it is for, if it is for one.

    `is_gateway`: the engine itself makes the request of that step.
    """

    since_ms: int
    attempt: int
    step_name: str | None = None
    is_gateway: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldGate:
    """The gate that holds a call: what it allows, and who keeps it closed.

    `holders` are the first of the runs whose calls are open behind it, `running` how many calls are.
    """

    words: str
    running: int
    holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenSlots:
    """Who has the slots for which a call waits: how many each app has, the most first.

    `holders` are the first of the runs of the app that has the most. Calls of runs that have ended meanwhile
    are not among them. `are_requests`: the engine itself makes these calls, for `step.fetch` say.
    """

    apps: tuple[tuple[str, int], ...]
    holders: tuple[str, ...] = ()
    are_requests: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEvents:
    """The newest events of an awaited name, newest first: those `since` the wait began, and those `before`.

    `similar` are names of other recent events that look like it.
    """

    since: tuple[Event, ...] = ()
    before: tuple[Event, ...] = ()
    similar: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A run, its function as it is now, and what is around it.

    `seen` is by the ids of steps that wait for events, `children` by the ids of invoked runs that matter.
    `starts` are when debounced runs start that steps have invoked, by the ids of steps.
    `deadline_ms` is when a time-out of the function cancels the run, `pause_ends_ms` when the pause of its
    function does.
    """

    view: RunView
    function: Function
    app: AppView | None = None
    calls: tuple[OpenCall, ...] = ()
    gate: HeldGate | None = None
    taken: TakenSlots | None = None
    seen: Mapping[str, SeenEvents] = field(default_factory=dict)
    children: Mapping[str, RunFacts] = field(default_factory=dict)
    starts: Mapping[str, int] = field(default_factory=dict)
    deadline_ms: int | None = None
    pause_ends_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """An event and all that is on record about it.

    `ended_waits` are the waits that it ended, as (run id, name of the step). `listeners` are the functions
    that listen to its name now, `gone` those that did and are not synced any more, `nearest` the
    names of triggers like it, `awaited` names like it that runs wait for.
    `started` are the first of the runs that it started, `started_functions` the slugs for all of them.
    `unmet` are waits and cancelOn for its name that are open now and that it does not meet.
    """

    event: Event
    now_ms: int
    started: tuple[RunView, ...] = ()
    started_functions: tuple[str, ...] = ()
    ended_waits: tuple[tuple[str, str], ...] = ()
    cancelled: tuple[str, ...] = ()
    decisions: tuple[EventDecision, ...] = ()
    listeners: tuple[Function, ...] = ()
    gone: tuple[Function, ...] = ()
    nearest: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    unmet: tuple[UnmetWait, ...] = ()
    apps: tuple[AppView, ...] = ()
    has_functions: bool = True
