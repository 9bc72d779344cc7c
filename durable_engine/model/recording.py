"""All that is on record about a run and that a test which repeats it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_engine.model.double import Double
from durable_engine.model.event import Event
from durable_engine.model.plan import PlannedEvent
from durable_engine.model.views import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run, and what happened to it from outside.

    `children` are the runs that it invoked, and that those invoked. `doubles` were given to it, or stood and
    applied, with the slug of their function. `planned` were to be sent while it waited. `signals` are by (run
    id, step id), and `cancelled_by` is the event that ended it, if one did.
    """

    run: RunView
    children: tuple[RunView, ...] = ()
    doubles: tuple[tuple[str, Double], ...] = ()
    planned: tuple[PlannedEvent, ...] = ()
    signals: Mapping[tuple[str, str], str] = field(default_factory=dict)
    events_sent: tuple[Event, ...] = ()
    """What its steps have sent, in order."""
    cancelled_by: Event | None = None
