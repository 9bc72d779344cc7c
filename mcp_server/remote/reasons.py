"""Why a run of a server elsewhere is where it is: what its trace shows, and nothing beyond that. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from durable_engine.explain.app_faults import FAULTS, fault_of
from durable_engine.explain.ends import NOTHING, failed_steps
from durable_engine.explain.frames import user_frame
from durable_engine.explain.pages import PAGES
from durable_engine.explain.words import (
    advice,
    ago,
    error_evidence,
    error_name,
    label,
    place_words,
    quoted,
    run_again,
    said,
)
from durable_engine.model.explanation import Action, ActionKind, Cause, Evidence, Explanation, Forecast
from durable_engine.model.function import Function
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.views import FailedAttempt, RunView, StepView

_SHOWN: Final = 3
_OF_INNGEST: Final = "InngestErr"
"""With this begin the names of errors that every Inngest server makes itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a server tells of a run; `below` explains the runs that it invoked, by their ids.

    `is_stepcue`: the server is one of ours, whose own errors have names that we know.
    """

    view: RunView
    function: Function | None = None
    is_stepcue: bool = False
    below: Mapping[str, Explanation] = field(default_factory=dict)


def ended(told: Told) -> Explanation:
    """Explain a run that has ended."""
    if told.view.status is RunStatus.COMPLETED:
        return _completed(told.view)
    if told.view.status is RunStatus.CANCELLED:
        return _cancelled(told)
    return _failed(told)


def _completed(view: RunView) -> Explanation:
    caught = [step for step in view.steps if step.status is StepStatus.FAILED]
    steps = f" with {len(view.steps)} step{'' if len(view.steps) == 1 else 's'}"
    remark = f"; {len(caught)} of them failed, and the function caught that" if caught else ""
    if not view.are_steps_known:
        steps = "; of its steps the server says nothing"
    return explanation(
        view,
        Cause.COMPLETED,
        f"It has completed{steps}{remark}.",
        evidence=tuple(
            Evidence(
                kind="step",
                text=f"step {label(step)} failed{place_words(step.error)} with {error_name(step.error)}",
            )
            for step in caught[:_SHOWN]
        ),
    )


def _cancelled(told: Told) -> Explanation:
    view = told.view
    when = "" if view.ended_ms is None else f" {ago(view.ended_ms, view.now_ms)}"
    events = [cancel.event for cancel in told.function.cancels] if told.function else []
    reached = [step for step in view.steps if step.status is StepStatus.CANCELLED]
    perhaps = [
        Evidence(kind="cancel-on", text=f"an event {quoted(event)} cancels runs of this function")
        for event in events[:_SHOWN]
    ]
    todo = [advice("see with list_events whether an event of its cancelOn came then")] if events else []
    return explanation(
        view,
        Cause.UNREPORTED,
        f"It was cancelled{when}{f', {view.cancelled}' if view.cancelled else ''}.",
        evidence=(
            *(Evidence(kind="step", text=f"step {label(step)} was open then") for step in reached[:_SHOWN]),
            *perhaps,
        ),
        what_to_do=(*todo, run_again(view)),
    )


def _failed(told: Told) -> Explanation:
    view = told.view
    causes = failed_steps(view)
    step = causes[0] if causes else None
    error = view.error if step is None else step.error
    if step is not None and step.kind is StepKind.INVOKE and (step.child_run_id or step.has_timed_out):
        return _failed_invoke(told, step, error)
    fault = _own_fault(error, is_stepcue=told.is_stepcue)
    place = "at the place named first" if user_frame((error or {}).get("stack")) else "that raised it"
    where = "The function" if step is None else f"Step {label(step)}"
    how = ""
    if fault is not None:
        cause, what = fault.final, fault.advice
        how = f" ({said((error or {}).get('message'))})"
    else:
        cause, how = _cause_in_code(view, step, error)
        what = f"fix the code {place}, and deploy it"
    return explanation(
        view,
        cause,
        f"{where} failed{place_words(error)} with {error_name(error)}{how}.",
        evidence=(*error_evidence(error), *_about(view, step)),
        what_to_do=(advice(what), run_again(view)),
    )


def _cause_in_code(
    view: RunView, step: StepView | None, error: Mapping[str, Any] | None
) -> tuple[Cause, str]:
    if (error or {}).get("name") == "NonRetriableError":
        return Cause.NON_RETRIABLE_ERROR, ", which is not to be retried"
    if step is not None:
        return Cause.FAILED_IN_STEP, f" in {attempt_words(view, step.failures[-1])}" if step.failures else ""
    if not view.are_steps_known:
        return Cause.UNREPORTED, "; whether in a step, the server does not say: it has no trace of the run"
    return Cause.FAILED_OUTSIDE_STEPS, "; no step of its trace failed with that"


def _failed_invoke(told: Told, step: StepView, error: Mapping[str, Any] | None) -> Explanation:
    below = told.below.get(step.child_run_id or "")
    there = f" There: {below.message}" if below is not None else ""
    cause, why = Cause.INVOKED_RUN_FAILED, "the run that it invoked did not succeed"
    if step.has_timed_out:
        cause, why = Cause.INVOKE_TIMED_OUT, "the run that it invoked did not end within its timeout"
    look = [Action(kind=ActionKind.EXPLAIN_RUN, run_id=step.child_run_id)] if step.child_run_id else []
    return explanation(
        told.view,
        cause,
        f"Step {label(step)} failed: {why}.{there}",
        evidence=(
            *(error_evidence(error) if below is None else root_of(below)),
            *invoked(step),
        ),
        what_to_do=(*look, run_again(told.view)),
    )


def invoked(step: StepView) -> list[Evidence]:
    """Return the step and the run that it invoked."""
    found = [Evidence(kind="step", text=f"step {label(step)}")]
    if step.child_run_id:
        text = f"it invoked run {step.child_run_id}"
        found.append(Evidence(kind="invoked-run", text=text, run_id=step.child_run_id))
    return found


def root_of(below: Explanation) -> list[Evidence]:
    """Return what the explanation of an invoked run rests on, as part of that of the run above it."""
    return [fact for fact in below.evidence if fact.kind in {"frame", "error", "invoked-run"}]


def attempt_words(view: RunView, failure: FailedAttempt) -> str:
    """Return e.g. `attempt 2 of 5`, or without the second number where nobody knows it."""
    number, most = failure.attempt + 1, view.max_attempts
    return f"attempt {number} of {most}" if number <= most else f"attempt {number}"


def _own_fault(error: Mapping[str, Any] | None, *, is_stepcue: bool) -> Any:
    """Return what an error of the server itself means; None for one of the user's code."""
    if is_stepcue:
        return fault_of(error)
    name = str((error or {}).get("name") or "")
    return FAULTS.get(name) if name.startswith(_OF_INNGEST) and not (error or {}).get("stack") else None


def _about(view: RunView, step: StepView | None) -> list[Evidence]:
    found = [] if step is None else [Evidence(kind="step", text=f"step {label(step)}")]
    failures = view.failures if step is None else step.failures
    found += [
        Evidence(
            kind="attempt",
            text=f"{attempt_words(view, failure)} failed with {error_name(failure.error)}",
        )
        for failure in failures[-_SHOWN:]
    ]
    return found


def explanation(
    view: RunView,
    cause: Cause,
    message: str,
    *,
    evidence: tuple[Evidence, ...] = (),
    coming: Forecast = NOTHING,
    what_to_do: tuple[Action, ...] = (),
) -> Explanation:
    """Return the explanation of a run, with the pages of its cause; `coming` is what happens next."""
    return Explanation(
        cause=cause,
        message=message,
        now_ms=view.now_ms,
        evidence=evidence,
        happens_next=coming,
        what_to_do=what_to_do,
        docs=PAGES[cause],
        run=view,
    )
