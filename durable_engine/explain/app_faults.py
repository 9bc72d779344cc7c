"""Errors that the engine itself makes about an app or a step, and what each of them means.

They come without a stack; an error of the user's code that has the same name comes with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from durable_engine.model.explanation import Cause


@dataclass(frozen=True, slots=True)
class Fault:
    """The causes of an error while it is retried and when it has ended the run, and what to do."""

    retried: Cause
    final: Cause
    advice: str


_UNREACHABLE: Final = Fault(
    Cause.APP_UNREACHABLE,
    Cause.FAILED_APP_UNREACHABLE,
    "start the app with INNGEST_DEV=1, or give Stepcue its right URL; an app that is found again is synced",
)
_REFUSES: Final = Fault(
    Cause.APP_REFUSES_CALLS,
    Cause.FAILED_APP_REFUSES_CALLS,
    "start the app with INNGEST_DEV=1 (it is in cloud mode), or give app and Stepcue the same signing key",
)
_NOT_SDK: Final = Fault(
    Cause.NOT_AN_SDK,
    Cause.FAILED_NOT_AN_SDK,
    "see what answers at the app's URL: another program, a proxy or an error page instead of its Inngest "
    "endpoint",
)
_HTTP: Final = Fault(
    Cause.APP_HTTP_ERROR,
    Cause.FAILED_APP_HTTP_ERROR,
    "read the app's own log: it answered with an HTTP error that its SDK has not described",
)
_DIFFERS: Final = Fault(
    Cause.REPLAY_DIFFERS,
    Cause.FAILED_REPLAY_DIFFERS,
    "keep the ids and the order of steps the same in every call, and await every step",
)
_REQUEST: Final = Fault(
    Cause.RETRYING_STEP, Cause.FAILED_REQUEST, "correct the request in the app, or the server that it asks"
)
_SIZE: Final = Fault(
    Cause.RETRYING_STEP, Cause.SIZE_LIMIT, "store large data elsewhere and pass references to it"
)
_OURS: Final = Fault(
    Cause.RETRYING_FUNCTION,
    Cause.ENGINE_FAULT,
    "report it: this is a fault in Stepcue, and its log on stderr has the details",
)


def _final(cause: Cause, advice: str) -> Fault:
    return Fault(Cause.RETRYING_FUNCTION, cause, advice)


FAULTS: Final[Mapping[str, Fault]] = {
    "AppUnreachableError": _UNREACHABLE,
    "ConnectionError": _UNREACHABLE,
    "TimeoutError": _UNREACHABLE,
    "InvalidURLError": _UNREACHABLE,
    "UnauthorizedError": _REFUSES,
    "InvalidSignatureError": _REFUSES,
    "NotAnSDKError": _NOT_SDK,
    "InvalidReplyError": _NOT_SDK,
    "EmptyReplyError": _DIFFERS,
    "StepNotExecutedError": _DIFFERS,
    "GatewayError": _REQUEST,
    "AIGatewayError": _REQUEST,
    "OutputTooLargeError": _SIZE,
    "StepOutputTooLargeError": _SIZE,
    "StepInputTooLargeError": _SIZE,
    "UnsignableCallError": _final(Cause.SIZE_LIMIT, "change the value that cannot be signed"),
    "InngestErrStateOverflowed": _final(Cause.STATE_LIMIT, _SIZE.advice),
    "InngestErrFunctionOverflowed": _final(
        Cause.STEP_LIMIT, "split the work: let the function invoke others, or do more in one step"
    ),
    "InngestErrTimeoutTooLong": _final(
        Cause.WAIT_TOO_LONG, "shorten the sleep or the time-out to 366 days at most"
    ),
    "InvalidExpressionError": _final(
        Cause.BAD_EXPRESSION, "correct the expression of the wait in the app's code"
    ),
    "InvalidSleepError": _final(Cause.BAD_DURATION, "correct the duration or date of the sleep"),
    "InvalidTimeoutError": _final(Cause.BAD_DURATION, "correct the timeout of the wait"),
    "SignalConflictError": _final(
        Cause.SIGNAL_CONFLICT, 'give each run a signal of its own, or use onConflict: "replace"'
    ),
    "UnsupportedStepError": _final(
        Cause.UNSUPPORTED_STEP, "leave that step out, or test it against an Inngest server"
    ),
    "StalledRunError": _OURS,
    "InternalEngineError": _OURS,
}
_HTTP_START: Final = "The app answered HTTP"


def fault_of(error: Mapping[str, Any] | None) -> Fault | None:
    """Return what an error of the engine's own means; None for one of the user's code."""
    if error is None or error.get("stack"):
        return None
    if str(error.get("message") or "").startswith(_HTTP_START) and error.get("name") == "Error":
        return _HTTP
    return FAULTS.get(str(error.get("name") or ""))
