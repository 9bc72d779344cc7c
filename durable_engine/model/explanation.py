"""Why a run is where it is, or what became of an event: the value that `Explainer` returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from durable_engine.model.event import Event
from durable_engine.model.json_value import JSONObject
from durable_engine.model.views import RunView


class Cause(StrEnum):
    """All there is to say in one word; each has a page, `causes/` and the word."""

    # A run that waits.
    SLEEPING = "sleeping"
    WAITING_FOR_EVENT = "waiting-for-event"
    EVENT_NEVER_SEEN = "event-never-seen"
    EVENT_NOT_MATCHED = "event-not-matched"
    WAITING_FOR_SIGNAL = "waiting-for-signal"
    SIGNAL_DISPLACED = "signal-displaced"
    WAITING_FOR_RUN = "waiting-for-run"
    WAITING_FOR_START = "waiting-for-start"
    WAITING_FOR_REPORT = "waiting-for-report"
    QUEUED_FOR_LATER = "queued-for-later"
    # A run that is tried again.
    RETRYING_STEP = "retrying-step"
    RETRYING_FUNCTION = "retrying-function"
    APP_UNREACHABLE = "app-unreachable"
    APP_REFUSES_CALLS = "app-refuses-calls"
    APP_HTTP_ERROR = "app-http-error"
    NOT_AN_SDK = "not-an-sdk"
    REPLAY_DIFFERS = "replay-differs"
    # A run whose call is held, open or due.
    HELD_BY_CONCURRENCY = "held-by-concurrency"
    HELD_BY_THROTTLE = "held-by-throttle"
    WAITING_FOR_SLOT = "waiting-for-slot"
    FUNCTION_PAUSED = "function-paused"
    FUNCTION_ARCHIVED = "function-archived"
    CALL_IN_FLIGHT = "call-in-flight"
    CALL_DUE = "call-due"
    # A run that has ended.
    COMPLETED = "completed"
    FAILED_IN_STEP = "failed-in-step"
    FAILED_OUTSIDE_STEPS = "failed-outside-steps"
    NON_RETRIABLE_ERROR = "non-retriable-error"
    INVOKED_RUN_FAILED = "invoked-run-failed"
    INVOKE_TIMED_OUT = "invoke-timed-out"
    INVOKE_NOT_STARTED = "invoke-not-started"
    FAILED_APP_UNREACHABLE = "failed-app-unreachable"
    FAILED_APP_REFUSES_CALLS = "failed-app-refuses-calls"
    FAILED_APP_HTTP_ERROR = "failed-app-http-error"
    FAILED_NOT_AN_SDK = "failed-not-an-sdk"
    FAILED_REPLAY_DIFFERS = "failed-replay-differs"
    FAILED_REQUEST = "failed-request"
    STEP_LIMIT = "step-limit"
    STATE_LIMIT = "state-limit"
    SIZE_LIMIT = "size-limit"
    WAIT_TOO_LONG = "wait-too-long"
    UNSUPPORTED_STEP = "unsupported-step"
    BAD_EXPRESSION = "bad-expression"
    BAD_DURATION = "bad-duration"
    SIGNAL_CONFLICT = "signal-conflict"
    ENGINE_FAULT = "engine-fault"
    CANCELLED_BY_EVENT = "cancelled-by-event"
    CANCELLED_BY_REQUEST = "cancelled-by-request"
    START_TIMEOUT = "start-timeout"
    FINISH_TIMEOUT = "finish-timeout"
    SINGLETON_REPLACED = "singleton-replaced"
    PAUSED_TOO_LONG = "paused-too-long"
    # Told by a server elsewhere, and not told enough.
    UNREPORTED = "unreported"
    # An event, or one function that it did not start.
    STARTED_RUNS = "started-runs"
    ENDED_WAITS = "ended-waits"
    CANCELLED_RUNS = "cancelled-runs"
    NO_FUNCTION_LISTENS = "no-function-listens"
    WAITS_NOT_MET = "waits-not-met"
    NO_APP_SYNCED = "no-app-synced"
    APP_NOT_SYNCED = "app-not-synced"
    SYNCED_LATER = "synced-later"
    EXPRESSION_FALSE = "expression-false"
    EVENT_ID_REPEATED = "event-id-repeated"
    IDEMPOTENCY_KEY_REPEATED = "idempotency-key-repeated"
    RATE_LIMITED = "rate-limited"
    DEBOUNCED = "debounced"
    BATCHED = "batched"
    SINGLETON_SKIPPED = "singleton-skipped"
    PAUSED_AT_EVENT = "paused-at-event"
    FUNCTION_REMOVED = "function-removed"
    ENGINE_EVENT = "engine-event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A fact that an explanation rests on; `kind` says what it is about: `frame`, `error`, `step`, `gate`...

    `text` may quote the user's app. `run_id` and `event_id` are what it names, for further questions.
    """

    kind: str
    text: str
    run_id: str | None = None
    event_id: str | None = None


class ActionKind(StrEnum):
    """What somebody can do; `ADVICE` is in the words of `Action.text` alone."""

    SEND_EVENT = "send-event"
    SEND_SIGNAL = "send-signal"
    SKIP_TIME = "skip-time"
    EXPLAIN_RUN = "explain-run"
    RUN_AGAIN = "run-again"
    RESUME_FUNCTION = "resume-function"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something to do, with what it takes; `text` adds what there is to know about it.

    `data` is event data that meets the condition of a wait, None where it cannot be told. `SKIP_TIME` without
    a run is about the engine's time; `text` is by how much, such as "10m".
    """

    kind: ActionKind
    text: str = ""
    run_id: str | None = None
    event_name: str | None = None
    data: JSONObject | None = None
    signal: str | None = None
    function_slug: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What happens next, at `at_ms` where that depends on time alone.

    `is_by_itself`: it happens without anybody doing anything.
    """

    text: str
    at_ms: int | None = None
    is_by_itself: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionVerdict:
    """Why an event did not start a function at once; `run_id` is the run that came of it or is in its way."""

    function_slug: str
    cause: Cause
    message: str
    until_ms: int | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a run (`run`) is where it is, or what an event (`event`) did.

    `docs` are paths of pages of the documentation. For an event, `started` are the runs that it started, as
    they are now, `ended_waits` and `cancelled` the runs whose waits it ended and that it cancelled, and
    `functions` tells of those that it did not start.
    """

    cause: Cause
    message: str
    now_ms: int
    evidence: tuple[Evidence, ...] = ()
    happens_next: Forecast
    what_to_do: tuple[Action, ...] = ()
    docs: tuple[str, ...] = ()
    run: RunView | None = None
    event: Event | None = None
    started: tuple[RunView, ...] = ()
    ended_waits: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    functions: tuple[FunctionVerdict, ...] = ()
