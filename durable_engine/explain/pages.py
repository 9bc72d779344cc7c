"""Which pages of the shipped documentation help with which cause: its own, then the most helpful others.

Only their paths are known here, as text; a test sees to it that each of them exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from durable_engine.model.explanation import Cause

_RUNS: Final = "troubleshooting/runs"
_CONNECTION: Final = "troubleshooting/connection"
_RETRIES: Final = "concepts/retries-and-backoff"
_FAULTS: Final = "reference/wire-protocol-faults"
_FAILED: Final = "guides/debug-a-failed-run"
_EXPRESSIONS: Final = "concepts/expressions"
_LIMITS: Final = "reference/limits"
_CANCELLATION: Final = "concepts/cancellation"
_FLOW: Final = "reference/flow-control"
_TRIGGERS: Final = "concepts/triggers"
_EVENT: Final = "steps/wait-for-event"
_SIGNAL: Final = "steps/wait-for-signal"
_KEYS: Final = "reference/signing-keys"
_PAUSE: Final = "tools/pause-function"

_MORE: Final[Mapping[Cause, tuple[str, ...]]] = {
    Cause.SLEEPING: ("steps/sleep",),
    Cause.WAITING_FOR_EVENT: (_EVENT, "tools/send-event"),
    Cause.EVENT_NEVER_SEEN: (_EVENT, "tools/send-event"),
    Cause.EVENT_NOT_MATCHED: (_EXPRESSIONS, _EVENT),
    Cause.WAITING_FOR_SIGNAL: (_SIGNAL,),
    Cause.SIGNAL_DISPLACED: (_SIGNAL,),
    Cause.WAITING_FOR_RUN: ("steps/invoke",),
    Cause.WAITING_FOR_START: ("steps/invoke", _FLOW),
    Cause.WAITING_FOR_REPORT: ("concepts/checkpointing",),
    Cause.QUEUED_FOR_LATER: ("concepts/events", "guides/priority"),
    Cause.RETRYING_STEP: (_RETRIES, "concepts/errors"),
    Cause.RETRYING_FUNCTION: (_RETRIES, "concepts/errors"),
    Cause.APP_UNREACHABLE: (_CONNECTION, _FAULTS),
    Cause.APP_REFUSES_CALLS: (_KEYS, _CONNECTION),
    Cause.APP_HTTP_ERROR: (_FAULTS,),
    Cause.NOT_AN_SDK: (_FAULTS, _CONNECTION),
    Cause.REPLAY_DIFFERS: ("concepts/versioning", "concepts/memoization"),
    Cause.HELD_BY_CONCURRENCY: ("guides/concurrency",),
    Cause.HELD_BY_THROTTLE: ("guides/throttle-and-rate-limit",),
    Cause.WAITING_FOR_SLOT: ("reference/limits",),
    Cause.FUNCTION_PAUSED: (_PAUSE,),
    Cause.FUNCTION_ARCHIVED: ("concepts/versioning", _CONNECTION),
    Cause.CALL_IN_FLIGHT: ("concepts/execution-model",),
    Cause.CALL_DUE: ("concepts/runs-and-statuses",),
    Cause.COMPLETED: ("concepts/runs-and-statuses",),
    Cause.FAILED_IN_STEP: (_FAILED, "concepts/errors"),
    Cause.FAILED_OUTSIDE_STEPS: (_FAILED, "concepts/errors"),
    Cause.NON_RETRIABLE_ERROR: ("concepts/errors", _FAILED),
    Cause.INVOKED_RUN_FAILED: ("steps/invoke", _FAILED),
    Cause.INVOKE_TIMED_OUT: ("steps/invoke",),
    Cause.INVOKE_NOT_STARTED: ("steps/invoke",),
    Cause.FAILED_APP_UNREACHABLE: (_CONNECTION, _FAULTS),
    Cause.FAILED_APP_REFUSES_CALLS: (_KEYS, _CONNECTION),
    Cause.FAILED_APP_HTTP_ERROR: (_FAULTS,),
    Cause.FAILED_NOT_AN_SDK: (_FAULTS, _CONNECTION),
    Cause.FAILED_REPLAY_DIFFERS: ("concepts/versioning", "concepts/memoization"),
    Cause.FAILED_REQUEST: ("steps/fetch", "steps/ai"),
    Cause.STEP_LIMIT: (_LIMITS,),
    Cause.STATE_LIMIT: (_LIMITS, "guides/large-state"),
    Cause.SIZE_LIMIT: (_LIMITS, "guides/large-state"),
    Cause.WAIT_TOO_LONG: (_LIMITS, "steps/sleep"),
    Cause.UNSUPPORTED_STEP: ("concepts/steps",),
    Cause.BAD_EXPRESSION: (_EXPRESSIONS,),
    Cause.BAD_DURATION: ("steps/sleep", "steps/sleep-until"),
    Cause.SIGNAL_CONFLICT: (_SIGNAL,),
    Cause.ENGINE_FAULT: (_RUNS,),
    Cause.CANCELLED_BY_EVENT: (_CANCELLATION, _EXPRESSIONS),
    Cause.CANCELLED_BY_REQUEST: (_CANCELLATION,),
    Cause.START_TIMEOUT: (_CANCELLATION, _FLOW),
    Cause.FINISH_TIMEOUT: (_CANCELLATION,),
    Cause.SINGLETON_REPLACED: ("guides/singleton",),
    Cause.PAUSED_TOO_LONG: (_PAUSE,),
    Cause.UNREPORTED: ("concepts/runs-and-statuses",),
    Cause.STARTED_RUNS: ("concepts/events",),
    Cause.ENDED_WAITS: (_EVENT,),
    Cause.CANCELLED_RUNS: (_CANCELLATION,),
    Cause.NO_FUNCTION_LISTENS: (_TRIGGERS, _RUNS),
    Cause.WAITS_NOT_MET: (_EXPRESSIONS, _EVENT),
    Cause.NO_APP_SYNCED: (_CONNECTION, "getting-started/quickstart"),
    Cause.APP_NOT_SYNCED: (_CONNECTION,),
    Cause.SYNCED_LATER: (_TRIGGERS,),
    Cause.EXPRESSION_FALSE: (_EXPRESSIONS, _TRIGGERS),
    Cause.EVENT_ID_REPEATED: ("guides/idempotency",),
    Cause.IDEMPOTENCY_KEY_REPEATED: ("guides/idempotency",),
    Cause.RATE_LIMITED: ("guides/throttle-and-rate-limit",),
    Cause.DEBOUNCED: ("guides/debounce",),
    Cause.BATCHED: ("guides/batching",),
    Cause.SINGLETON_SKIPPED: ("guides/singleton",),
    Cause.PAUSED_AT_EVENT: (_PAUSE,),
    Cause.FUNCTION_REMOVED: (_RUNS, _CONNECTION),
    Cause.ENGINE_EVENT: ("guides/failure-handlers", _TRIGGERS),
}
PAGES: Final[Mapping[Cause, tuple[str, ...]]] = {
    cause: (f"causes/{cause}", *more) for cause, more in _MORE.items()
}
