"""Why a run of a server elsewhere has not ended: what its trace shows, and nothing beyond that. Pure."""

from __future__ import annotations

from typing import Final

from durable_engine.explain.words import (
    advice,
    ago,
    error_evidence,
    error_name,
    label,
    place_words,
    quoted,
    span,
)
from durable_engine.model.explanation import Action, ActionKind, Cause, Evidence, Explanation, Forecast
from durable_engine.model.status import RunStatus, StepStatus
from durable_engine.model.views import FailedAttempt, RunView, StepView, WaitingFor
from mcp_server.remote.reasons import Told, attempt_words, explanation, invoked, root_of

_WEIGHT: Final = ("signal", "event", "invoke", "sleep")
"""Of several waits, the first one here is the cause."""
_SHOWN: Final = 3
_POLL: Final = advice("ask again, or wait with poll_run_status")


def explain_open(told: Told) -> Explanation:
    """Explain an open run: its function is paused, it retries, is at work, waits; or what is not told."""
    view = told.view
    steps = [step for step in view.steps if not step.status.is_terminal]
    if told.function is not None and told.function.is_paused:
        return _paused(view, told.function.slug)
    failed = [step for step in steps if step.failures]
    if failed:
        step = max(failed, key=lambda one: one.failures[-1].at_ms)
        return _retrying(view, step, step.failures[-1], steps)
    if view.failures and _is_newest(view, view.failures[-1]):
        return _retrying(view, None, view.failures[-1], steps)
    at_work = [step for step in steps if step.status is StepStatus.RUNNING and step.waiting_for is None]
    if at_work:
        return _at_work(view, at_work[0], steps)
    waits = [(step, step.waiting_for) for step in steps if step.waiting_for is not None]
    waits = [pair for pair in waits if pair[1].kind in _WEIGHT]
    if waits:
        step, wait = min(waits, key=lambda pair: _WEIGHT.index(pair[1].kind))
        return _waiting(told, step, wait, steps)
    return _untold(view, steps)


def _is_newest(view: RunView, failure: FailedAttempt) -> bool:
    """Whether a failed call of the function itself is the last thing that happened."""
    return all((step.ended_ms or step.queued_ms) <= failure.at_ms for step in view.steps)


def _paused(view: RunView, slug: str) -> Explanation:
    return explanation(
        view,
        Cause.FUNCTION_PAUSED,
        f"Function {quoted(slug)} is paused on the server.",
        evidence=(Evidence(kind="function", text=f"{quoted(slug)} is paused now"),),
        coming=Forecast(text="it goes on once somebody resumes the function", is_by_itself=False),
        what_to_do=(Action(kind=ActionKind.RESUME_FUNCTION, function_slug=slug),),
    )


def _retrying(
    view: RunView, step: StepView | None, failure: FailedAttempt, steps: list[StepView]
) -> Explanation:
    what = "The function failed outside of its steps" if step is None else f"Step {label(step)} failed"
    number, most = failure.attempt + 2, view.max_attempts
    text = f"attempt {number} of {most} is made" if number <= most else "it is called again"
    if most and number > most:
        text = "that was the last attempt: the function goes on with the error, or the run fails"
    about = [] if step is None else [Evidence(kind="step", text=f"step {label(step)}")]
    when = f"{attempt_words(view, failure)} failed {ago(failure.at_ms, view.now_ms)}"
    if not failure.at_ms:
        when = f"{attempt_words(view, failure)} failed"
    return explanation(
        view,
        Cause.RETRYING_FUNCTION if step is None else Cause.RETRYING_STEP,
        f"{what}{place_words(failure.error)} with {error_name(failure.error)} in "
        f"{attempt_words(view, failure)}, and is not over; when the next attempt is due, the server does not "
        "say.",
        evidence=(
            *error_evidence(failure.error),
            *about,
            Evidence(kind="attempt", text=when),
            *_others(steps, step),
        ),
        coming=Forecast(text=f"{text}{', the last one' if number == most else ''}"),
        what_to_do=(
            advice("deploy a fix before then: the next attempt runs the code that is deployed"),
            _POLL,
        ),
    )


def _at_work(view: RunView, step: StepView, steps: list[StepView]) -> Explanation:
    time = "" if step.started_ms is None else f" for {span(step.started_ms, view.now_ms)}"
    return explanation(
        view,
        Cause.CALL_IN_FLIGHT,
        f"Step {label(step)} is in progress{time}, says the trace.",
        evidence=(Evidence(kind="step", text=f"step {label(step)} is RUNNING{time}"), *_others(steps, step)),
        coming=Forecast(text="the app answers, or the call fails and is tried again"),
        what_to_do=(advice("if it takes too long, see in the log of the app what it is doing"), _POLL),
    )


def _waiting(told: Told, step: StepView, wait: WaitingFor, steps: list[StepView]) -> Explanation:
    view = told.view
    since = f" for {span(step.queued_ms, view.now_ms)}" if step.queued_ms else ""
    others = _others(steps, step)
    fact = Evidence(kind="step", text=f"step {label(step)} waits{since}")
    outside = Forecast(
        text="it goes on when that comes, or its timeout, which the server does not tell", is_by_itself=False
    )
    if wait.kind == "invoke":
        return _for_run(told, step, others)
    if wait.kind == "sleep":
        return explanation(
            view,
            Cause.SLEEPING,
            f"It sleeps in step {label(step)}{since and f', so far{since}'}; until when, the server does not "
            "say.",
            evidence=(fact, *others),
            coming=Forecast(text="the sleep ends and the function goes on"),
            what_to_do=(advice("see in the code how long the step sleeps"), _POLL),
        )
    what = f"{'an event' if wait.kind == 'event' else 'a signal'}"
    return explanation(
        view,
        Cause.WAITING_FOR_EVENT if wait.kind == "event" else Cause.WAITING_FOR_SIGNAL,
        f"Step {label(step)} waits for {what}{since and f', so far{since}'}; which one and until when, the "
        "server does not say.",
        evidence=(fact, *others),
        coming=outside,
        what_to_do=(
            advice(f"see in the code which {wait.kind} the step waits for, and whether it was sent"),
            _POLL,
        ),
    )


def _for_run(told: Told, step: StepView, others: list[Evidence]) -> Explanation:
    child = told.below.get(step.child_run_id or "")
    whom = f"run {step.child_run_id}" if step.child_run_id else "a run, which the server does not name"
    coming = Forecast(text="it goes on when that run ends", is_by_itself=child is None)
    if child is not None:
        text = f"in the invoked run: {child.happens_next.text}"
        coming = Forecast(text=text, is_by_itself=child.happens_next.is_by_itself)
    look = [Action(kind=ActionKind.EXPLAIN_RUN, run_id=step.child_run_id)] if step.child_run_id else [_POLL]
    return explanation(
        told.view,
        Cause.WAITING_FOR_RUN,
        f"Step {label(step)} waits for {whom}.{f' There: {child.message}' if child is not None else ''}",
        evidence=(*invoked(step), *(root_of(child) if child is not None else []), *others),
        coming=coming,
        what_to_do=tuple(look),
    )


def _untold(view: RunView, steps: list[StepView]) -> Explanation:
    """Say what the server leaves open: nothing is guessed."""
    message = "No step of its trace is open: it is between two calls, or its next call waits for its turn"
    if view.status is RunStatus.QUEUED:
        message = "The server has taken it and has not made its first call"
    elif not view.are_steps_known:
        message = "The server has no trace of it"
    elif steps:
        message = f"Step {label(steps[0])} is {steps[0].status.value}"
    time = "" if not view.queued_ms else f" It was queued {ago(view.queued_ms, view.now_ms)}."
    return explanation(
        view,
        Cause.UNREPORTED,
        f"{message}; what it waits for, if for anything, the server does not say.{time}",
        evidence=tuple(_others(steps, None)),
        coming=Forecast(text="the app is called when its turn comes"),
        what_to_do=(
            _POLL,
            advice("if it stays so, see whether the app can be reached, and what its flow control allows"),
        ),
    )


def _others(steps: list[StepView], main: StepView | None) -> list[Evidence]:
    return [
        Evidence(kind="also-open", text=f"step {label(step)} is {step.status.value}")
        for step in steps
        if step is not main
    ][:_SHOWN]
