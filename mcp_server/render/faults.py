"""Why a run failed: the step whose error ended it, whose fault that is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durable_engine import RunStatus, RunView, StepKind, StepStatus, StepView
from mcp_server.clean import in_json

_REFERENCE: Final = "Pass references to large data, or split the work; read_doc path=reference/limits."
_CONFIGURE: Final = "The app's code asks for something that cannot be carried out (the message says what)"
_OUR_FAULT: Final = (
    "This is a fault in Stepcue, not in the app: its log on stderr has the details. Please report it."
)
ENGINE_ERRORS: Final[Mapping[str, str]] = {
    # Reaching the app.
    "AppUnreachableError": "Stepcue could not reach the app: start it, or correct its URL (see "
    "list_functions).",
    "ConnectionError": "The connection to the app broke during the call: see whether the app crashed, "
    "restarted, or sits behind a proxy that cuts calls off.",
    "TimeoutError": "The app did not answer the call in time: find what hangs there, or split the work into "
    "steps.",
    "InvalidURLError": "The app's URL cannot be called: correct the address that the app is served at.",
    "NotAnSDKError": "Something else than an Inngest SDK answered at the app's URL: another program, a "
    "proxy or an error page.",
    "UnauthorizedError": "The app refused the call: start it with INNGEST_DEV=1, or with the signing key "
    "that Stepcue has.",
    "InvalidSignatureError": "The app's answer is signed with another key, or was changed on its way: give "
    "the app and Stepcue the same signing key.",
    "UnsignableCallError": "The event or the result of a step holds a value that cannot be signed (the "
    "message says which): change it in the app.",
    # What the app's SDK answered.
    "InvalidReplyError": "The app answered, but not in the form of an SDK: see what stands between it and "
    "Stepcue, and which version of the SDK it has.",
    "EmptyReplyError": "The app's SDK answered with neither a step nor a result: see that the handler awaits "
    "its steps, always in the same order.",
    "StepNotExecutedError": "The app did not run the step that it was asked for: its code has changed, or "
    "depends on something that differs from call to call.",
    # Limits.
    "OutputTooLargeError": f"The app's answer is over a limit. {_REFERENCE}",
    "StepOutputTooLargeError": f"The result of a step is over a limit. {_REFERENCE}",
    "StepInputTooLargeError": f"The data given to an invoked function are over a limit. {_REFERENCE}",
    "InngestErrStateOverflowed": f"The results of all steps together are over a limit. {_REFERENCE}",
    "InngestErrFunctionOverflowed": f"The run has more steps than allowed. {_REFERENCE}",
    "InngestErrTimeoutTooLong": f"{_CONFIGURE}: a sleep or wait that is too long. Shorten it there.",
    # What the app's code asked for.
    "InvalidExpressionError": f"{_CONFIGURE}: an expression. Correct it there; read_doc "
    "path=concepts/expressions.",
    "InvalidSleepError": f"{_CONFIGURE}: a sleep. Correct its duration or date there.",
    "InvalidTimeoutError": f"{_CONFIGURE}: a timeout. Correct it there.",
    "SignalConflictError": f"{_CONFIGURE}: a signal that another step waits for. Use one of its own for each "
    "run; read_doc path=steps/wait-for-signal.",
    "UnsupportedStepError": "Stepcue does not have this operation yet: leave the step out, or test it "
    "against an Inngest server.",
    "InngestInvokeTimeoutError": "The invoked run did not end within the timeout of the step, and goes on: "
    "lengthen the timeout, or find what holds that run up.",
    # Whom a step asked.
    "GatewayError": "The server that the step asked gave no usable answer (the message says why): correct "
    "the request in the app, or that server.",
    "AIGatewayError": "The AI provider that the step asked is at fault, or the request to it (the message "
    "quotes its answer): correct key, model or body in the app.",
    # Doubles.
    "DoubleMismatchError": "A mock or fault was given to a step that it does not fit (the message says what "
    "does): call mock_step again for it, or clear_mocks.",
    "NotOnRecordError": "A mirrored run came to a step that is not on record, and it was not carried out: "
    "name it in real of mirror_run to run its code.",
    # Stepcue itself.
    "StalledRunError": _OUR_FAULT,
    "InternalEngineError": _OUR_FAULT,
}
"""What each error that the engine itself makes means, and what to do; they come without a stack."""

ENGINE_MESSAGES: Final[Mapping[str, str]] = {
    "could not find function with ID": "No synced function has the id that the step invokes: correct it in "
    "the app, or start the app that has it (see list_functions).",
    "function cancelled": "The invoked run was cancelled.",
    "The app answered HTTP": "The app answered with an HTTP error that no SDK has described: its own log has "
    "the cause.",
}
"""The same for those that have the name `Error`, by the beginning of the message."""

_LONGEST_NAME: Final = 200
_APP: Final = "The error above is quoted from the app."
_INJECTED: Final = "The failure was injected (see mocked): this is how the workflow takes it."
_MOCKED: Final = "The error above is that of a mock (see mocked), not of the app."


def failed_steps(run: RunView) -> list[StepView]:
    """Return the steps that failed: those with the error of the run first."""
    failed = [step for step in run.steps if step.status is StepStatus.FAILED]
    causes = {step.id for step in causes_of(run)}
    return sorted(failed, key=lambda step: step.id not in causes)


def causes_of(run: RunView) -> list[StepView]:
    """Return the steps whose error ended the run: they failed with its name and message."""
    if run.status is not RunStatus.FAILED or run.error is None:
        return []
    wanted = _named(run.error)
    return [
        step
        for step in run.steps
        if step.status is StepStatus.FAILED and step.error is not None and _named(step.error) == wanted
    ]


def engine_fault(error: Mapping[str, Any] | None) -> str | None:
    """Return what an error of the engine means and what to do; None for one of the app's code."""
    if error is None or error.get("stack"):
        return None
    if _is_injected(error):
        return _INJECTED
    known = ENGINE_ERRORS.get(str(error.get("name") or ""))
    if known is not None:
        return known
    message = str(error.get("message") or "")
    return next((text for start, text in ENGINE_MESSAGES.items() if message.startswith(start)), None)


def _is_injected(error: Mapping[str, Any]) -> bool:
    return ": an injected fault (" in str(error.get("message") or "")


def failed_next(run: RunView) -> str:
    """Return whose fault it is that a run failed, what to do, and how to try again."""
    causes = causes_of(run)
    return f"{_whose_fault(run, causes[0] if causes else None)} {how_to_run_again(run)}"


def _whose_fault(run: RunView, cause: StepView | None) -> str:
    error = run.error if cause is None else cause.error
    fault = engine_fault(error) or (_MOCKED if cause is not None and cause.doubled == "error" else _APP)
    if cause is None or cause.kind is not StepKind.INVOKE or cause.child_run_id is None:
        return fault
    child = f'get_run_status runId="{cause.child_run_id}"'
    if cause.has_timed_out:
        return f"{fault} {child} shows where it is."
    return f"The run that the step invoked did not succeed: {child} shows why."


def how_to_run_again(run: RunView) -> str:
    """Return how to start such a run anew, and how to repeat this one."""
    slug = in_json(run.function_slug)
    rerun = f'rerun runId="{run.id}"'
    if run.is_archived:
        return f"Function {slug} is not synced any more: once its app is back, {rerun} repeats this run."
    start = f"invoke_function functionId={slug}"
    if run.is_endpoint:
        start = "another request to the app"
    causes = causes_of(run)
    place = _place(causes[0]) if causes else None
    repeats = f"{rerun} repeats this one, also from a step on"
    if place is not None:
        repeats = f"{rerun} fromStep={place} repeats this one from that step on"
    return f"After a fix, {repeats}; {start} starts a new run."


def _place(step: StepView) -> str | None:
    """Return a step as `fromStep` takes it, in JSON; None for a name too long for a sentence."""
    if len(step.name) > _LONGEST_NAME:
        return None
    return in_json(f"{step.name}:{step.index}" if step.index else step.name)


def _named(error: Mapping[str, Any]) -> tuple[object, object]:
    return error.get("name"), error.get("message")
