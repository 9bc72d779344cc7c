"""What is decided about an event for a function that listens to it: a value, with its reason.

`reason` is the end of a sentence about the function: "not started: ...". Times are engine milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias


class Control(StrEnum):
    """What decided; flow control is named as SDKs configure it."""

    TRIGGER = "trigger"
    EVENT_ID = "eventId"
    IDEMPOTENCY = "idempotency"
    RATE_LIMIT = "rateLimit"
    DEBOUNCE = "debounce"
    BATCH = "batchEvents"
    SINGLETON = "singleton"
    CONCURRENCY = "concurrency"
    THROTTLE = "throttle"
    PAUSE = "pause"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """The run starts; `replaces` are the ids of runs that are cancelled for it."""

    kind: ClassVar[str] = "admit"
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _NotAdmitted:
    control: Control
    reason: str
    until_ms: int | None = None
    run_id: str | None = None


class Delay(_NotAdmitted):
    """A run starts at `until_ms`, unless something else happens first; `run_id` once it has started."""

    __slots__ = ()
    kind: ClassVar[str] = "delay"


class Merge(_NotAdmitted):
    """The event becomes part of a start to come, with other events; `run_id` once that has started."""

    __slots__ = ()
    kind: ClassVar[str] = "merge"


class Drop(_NotAdmitted):
    """No run starts for the event, neither now nor later.

    `run_id` is the run that stands in its way. An event like it would start one again from `until_ms` on.
    """

    __slots__ = ()
    kind: ClassVar[str] = "drop"


NotAdmitted: TypeAlias = Delay | Drop | Merge


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDecision:
    """What was decided about an event for the function `function_id`, as its record keeps it.

    `appointment` names the start to come that the event is part of: once it has come, its run is known.
    """

    event_id: str
    function_id: str
    function_slug: str
    decision: NotAdmitted
    at_ms: int
    appointment: str | None = None
