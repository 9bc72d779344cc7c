"""Events: what an app or a person sends, and what the engine answers about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from durable_engine.ids import is_ulid
from durable_engine.model.json_value import JSONObject, JSONValue

_MOST_SENT = 100

INTERNAL_PREFIX = "inngest/"
FUNCTION_INVOKED = "inngest/function.invoked"
FUNCTION_FINISHED = "inngest/function.finished"
FUNCTION_FAILED = "inngest/function.failed"
HTTP_REQUEST = "inngest/http.request"
FUNCTION_CANCELLED = "inngest/function.cancelled"
SCHEDULED_TIMER = "inngest/scheduled.timer"
MIRROR = "mirror"
LIFECYCLE_EVENTS = frozenset({FUNCTION_FINISHED, FUNCTION_FAILED, FUNCTION_CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event as a sender gives it, before the engine accepted it.

    `id` is the sender's idempotency id: for 24 h a second event with it starts no function twice.
    `ts_ms` (Unix epoch, milliseconds) in the future delays the runs it starts until then.
    """

    name: str
    data: JSONObject = field(default_factory=dict)
    user: JSONObject = field(default_factory=dict)
    id: str | None = None
    ts_ms: int | None = None
    v: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An accepted event.

    `id` is the engine's ULID; `public_id` is what functions see as `event.id`: the sender's id where
    one was given, otherwise the ULID.
    """

    id: str
    public_id: str
    name: str
    data: JSONObject
    user: JSONObject
    ts_ms: int
    received_ms: int
    v: str | None = None
    source: str = "api"
    """`api` (a request), `direct` (a call within this process: a tool or a test), `invoke`, `rerun`, `cron`,
    `endpoint`, `test` (planned by a test), `mirror` (the copy of one elsewhere), or `engine`."""

    def as_payload(self) -> JSONObject:
        """Return the event in the shape that functions and expressions see."""
        payload: JSONObject = {
            "data": self.data,
            "id": self.public_id,
            "name": self.name,
            "ts": self.ts_ms,
            "user": self.user,
        }
        if self.v is not None:
            payload["v"] = self.v
        return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRun:
    """A run that an event started; `existed` when an earlier event with the same id had started it.

    `held` says what keeps its first call waiting, where something does: the end of a sentence.
    """

    run_id: str
    function_slug: str
    status: str
    due_ms: int
    existed: bool = False
    held: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStarted:
    """A function that listens to the event's name and was not started by it at once, and why.

    `decision` is `drop` (it never will be), `delay` (a run starts at `until_ms`, unless something else
    happens first) or `merge` (so it does, for other events too). `control` names what decided. `run_id` is
    the run that stands in the way of one that is dropped. An event like a dropped one would start a run
    from `until_ms` on, where that is known.
    """

    function_slug: str
    reason: str
    decision: str = "drop"
    control: str | None = None
    until_ms: int | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmetWait:
    """A run that waits for the event's name, or would be cancelled by it, and why its condition is false.

    `step_name` is the waiting step, None for a condition of cancelOn.
    """

    run_id: str
    reason: str
    step_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEffect:
    """A wait that an event ended: that of the step `step_id`; or, without a step, a run that it cancelled."""

    event_id: str
    run_id: str
    step_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSender:
    """The step of a run that sent an event; without a step, the run that the event is about."""

    event_id: str
    run_id: str
    step_id: str | None = None
    step_name: str | None = None


def sent_ids(output: JSONValue) -> list[str]:
    """Return the ids of events that the result of a step names as sent by it.

    As observed, TypeScript gives {"ids": [...]}, Python a bare list. They may be made up.
    """
    sent = output.get("ids") if isinstance(output, dict) else output
    if not isinstance(sent, list):
        return []
    return [value for value in sent[:_MOST_SENT] if isinstance(value, str) and is_ulid(value)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReceipt:
    """What one accepted event did, known in the transaction that stored it.

    `is_known`: the event's seed had been used before. `event` is the one accepted then, with its runs.
    """

    event: Event
    is_known: bool = False
    started: tuple[StartedRun, ...] = ()
    resumed: tuple[str, ...] = ()
    """Ids of waiting runs that the event woke."""
    cancelled: tuple[str, ...] = ()
    """Ids of runs that the event cancelled."""
    not_started: tuple[NotStarted, ...] = ()
    unmet: tuple[UnmetWait, ...] = ()
    """Of an event that did nothing: the first few waits and cancelOn for its name that it did not meet."""
