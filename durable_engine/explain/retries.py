"""Runs whose last attempt failed and that are tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durable_engine.explain.app_faults import Fault, fault_of
from durable_engine.explain.facts import RunFacts
from durable_engine.explain.words import (
    advice,
    ago,
    error_evidence,
    error_name,
    label,
    place_words,
    said,
    skip_time,
)
from durable_engine.model.explanation import Action, Cause, Evidence, Explanation, Forecast
from durable_engine.model.views import FailedAttempt, StepView, WaitingFor

_OF_THE_APP: Final = frozenset(
    {
        Cause.APP_UNREACHABLE,
        Cause.APP_REFUSES_CALLS,
        Cause.APP_HTTP_ERROR,
        Cause.NOT_AN_SDK,
        Cause.REPLAY_DIFFERS,
    }
)


def retrying(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """A step waits for its next attempt, or the function itself does."""
    view = facts.view
    step = next((step for step in view.steps if step.id == wait.step_id), None)
    failures = view.failures if step is None else (step.failures or view.failures)
    newest = failures[-1] if failures else None
    error = newest.error if newest is not None else (None if step is None else step.error)
    fault = fault_of(error)
    cause = Cause.RETRYING_FUNCTION if step is None else Cause.RETRYING_STEP
    return Explanation(
        cause=cause if fault is None else fault.retried,
        message=_message(facts, step, newest, fault),
        now_ms=view.now_ms,
        evidence=(*error_evidence(error), *_about(facts, step, newest), *app_evidence(facts, fault)),
        happens_next=Forecast(text=_next_words(facts, newest), at_ms=wait.until_ms),
        what_to_do=_what_to_do(facts, fault),
    )


def failed_attempts(facts: RunFacts) -> Sequence[FailedAttempt]:
    """Return the failed attempts of what is not over yet, the newest last."""
    open_steps = [step for step in facts.view.steps if not step.status.is_terminal]
    failures = [*facts.view.failures, *(failure for step in open_steps for failure in step.failures)]
    return sorted(failures, key=lambda failure: failure.at_ms)


def attempt_words(facts: RunFacts, failure: FailedAttempt) -> str:
    """Return e.g. `attempt 2 of 5`."""
    most = facts.view.max_attempts
    number = failure.attempt + 1
    return f"attempt {number} of {most}" if number <= most else f"attempt {number}"


def app_evidence(facts: RunFacts, fault: Fault | None) -> list[Evidence]:
    """Return where the app is and how its last sync went, for a fault that lies there."""
    if fault is None or fault.retried not in _OF_THE_APP or facts.app is None:
        return []
    state = f"its last sync failed: {facts.app.error}" if facts.app.error else "its last sync worked"
    return [Evidence(kind="app", text=f"app {facts.view.app_name} at {facts.app.url}; {state}")]


def _message(
    facts: RunFacts, step: StepView | None, newest: FailedAttempt | None, fault: Fault | None
) -> str:
    what = "The function failed outside of its steps" if step is None else f"Step {label(step)} failed"
    if fault is not None and newest is not None:
        what = f"A call failed with {error_name(newest.error)} ({said(newest.error.get('message'))})"
    elif newest is not None:
        what += f"{place_words(newest.error)} with {error_name(newest.error)}"
    number = "" if newest is None else f" in {attempt_words(facts, newest)}"
    return f"{what}{number}; it is tried again."


def _about(facts: RunFacts, step: StepView | None, newest: FailedAttempt | None) -> list[Evidence]:
    found = [] if step is None else [Evidence(kind="step", text=f"step {label(step)}")]
    if newest is not None:
        when = ago(newest.at_ms, facts.view.now_ms)
        found.append(Evidence(kind="attempt", text=f"{attempt_words(facts, newest)} failed {when}"))
    return found


def _next_words(facts: RunFacts, newest: FailedAttempt | None) -> str:
    if newest is None:
        return "it is called again"
    number, most = newest.attempt + 2, facts.view.max_attempts
    last = ", the last one" if number == most else ""
    return f"attempt {number} of {most} is made{last}" if number <= most else "it is called again"


def _what_to_do(facts: RunFacts, fault: Fault | None) -> tuple[Action, ...]:
    fix = "fix the error in the app before then: the next attempt runs the new code"
    return advice(fix if fault is None else fault.advice), skip_time(facts.view)
