"""Runs that have ended: how, and because of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durable_engine.explain.app_faults import fault_of
from durable_engine.explain.facts import RunFacts
from durable_engine.explain.frames import user_frame
from durable_engine.explain.retries import app_evidence, attempt_words
from durable_engine.explain.waits import Explain, child_words, root_of
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
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.views import FailedAttempt, RunView, StepView

NOTHING: Final = Forecast(text="nothing: it has ended", is_by_itself=False)
_CANCELS: Final[Mapping[str, tuple[Cause, str]]] = {
    "by event ": (
        Cause.CANCELLED_BY_EVENT,
        "narrow the condition (`if`) of cancelOn if that event was not meant for this run",
    ),
    "by request": (Cause.CANCELLED_BY_REQUEST, ""),
    "because it did not start within ": (
        Cause.START_TIMEOUT,
        "raise timeouts.start, or the limit that kept the run waiting",
    ),
    "because it did not end within ": (
        Cause.FINISH_TIMEOUT,
        "raise timeouts.finish, or make the run shorter",
    ),
    "by its newer run ": (
        Cause.SINGLETON_REPLACED,
        'use mode "skip", or a key that tells these events apart, if both runs are wanted',
    ),
    "because its function has been paused ": (
        Cause.PAUSED_TOO_LONG,
        "resume the function before starting again",
    ),
}
_NOT_STARTED: Final = ("could not find function with ID", "the invoked function was not started")
_SHOWN_STEPS: Final = 3


def ended(facts: RunFacts, explain: Explain) -> Explanation:
    """Explain a run that has ended."""
    if facts.view.status is RunStatus.COMPLETED:
        return _completed(facts)
    if facts.view.status is RunStatus.CANCELLED:
        return _cancelled(facts)
    return _failed(facts, explain)


def failed_steps(view: RunView) -> list[StepView]:
    """Return the steps whose error ended the run: they failed with its name and message."""
    if view.status is not RunStatus.FAILED:
        return []
    wanted = _named(view.error or {})
    failed = [step for step in view.steps if step.status is StepStatus.FAILED and step.error is not None]
    return [step for step in failed if _named(step.error or {}) == wanted]


def _completed(facts: RunFacts) -> Explanation:
    view = facts.view
    caught = [step for step in view.steps if step.status is StepStatus.FAILED]
    late = [step for step in view.steps if step.has_timed_out and step.status is StepStatus.COMPLETED]
    remarks = [f"{len(caught)} failed and {_was(caught)} caught"] if caught else []
    remarks += [f"{len(late)} timed out"] if late else []
    evidence = [_caught(step) for step in caught[:_SHOWN_STEPS]]
    evidence += [Evidence(kind="step", text=f"step {label(step)} timed out") for step in late[:_SHOWN_STEPS]]
    return Explanation(
        cause=Cause.COMPLETED,
        message=f"It has completed with {len(view.steps)} step{'' if len(view.steps) == 1 else 's'}"
        f"{'; of these ' + ' and '.join(remarks) if remarks else ''}.",
        now_ms=view.now_ms,
        evidence=tuple(evidence),
        happens_next=NOTHING,
    )


def _caught(step: StepView) -> Evidence:
    text = f"step {label(step)} failed{place_words(step.error)} with {error_name(step.error)}; caught"
    return Evidence(kind="step", text=text)


def _was(steps: list[StepView]) -> str:
    return "was" if len(steps) == 1 else "were"


def _cancelled(facts: RunFacts) -> Explanation:
    view = facts.view
    reason = view.cancelled or "by request"
    known = (found for start, found in _CANCELS.items() if reason.startswith(start))
    cause, what = next(known, (Cause.CANCELLED_BY_REQUEST, ""))
    when = "" if view.ended_ms is None else f" {ago(view.ended_ms, view.now_ms)}"
    return Explanation(
        cause=cause,
        message=f"It was cancelled{when} {reason}.",
        now_ms=view.now_ms,
        evidence=(Evidence(kind="cancelled", text=f"cancelled {reason}"),),
        happens_next=NOTHING,
        what_to_do=(*([advice(what)] if what else []), run_again(view)),
    )


def _failed(facts: RunFacts, explain: Explain) -> Explanation:
    view = facts.view
    causes = failed_steps(view)
    step = causes[0] if causes else None
    error = view.error if step is None else step.error
    if step is not None and step.kind is StepKind.INVOKE:
        return _failed_invoke(facts, step, error, explain)
    fault = fault_of(error)
    last = _last_failure(view, step)
    if fault is not None:
        cause, what = fault.final, fault.advice
        message = f"It failed{_in(step)} with {error_name(error)}: {said((error or {}).get('message'))}"
    else:
        place = "at the place named first" if user_frame((error or {}).get("stack")) else "that raised it"
        cause, what = _cause_in_code(view, step, error, last), f"fix the code {place}"
        message = (
            f"{_where(step)} failed{place_words(error)} with {error_name(error)}"
            f"{_how_final(cause, facts, last)}"
        )
    return Explanation(
        cause=cause,
        message=f"{message.rstrip('.')}.",
        now_ms=view.now_ms,
        evidence=(
            *error_evidence(error),
            *_about(facts, step, last),
            *app_evidence(facts, fault),
            *_handlers(view),
        ),
        happens_next=NOTHING,
        what_to_do=(advice(what), run_again(view)),
    )


def _failed_invoke(
    facts: RunFacts, step: StepView, error: Mapping[str, Any] | None, explain: Explain
) -> Explanation:
    """The step's invoked run failed, did not end in time, or never started."""
    view, child = facts.view, facts.children.get(step.child_run_id or "")
    message = str((error or {}).get("message") or "")
    below = None if child is None else explain(child)
    evidence = [Evidence(kind="step", text=f"step {label(step)} invoked it")]
    if child is not None and below is not None:
        words = child_words(child, below)
        evidence = [
            *root_of(below),
            Evidence(kind="invoked-run", text=words, run_id=child.view.id),
            *evidence,
        ]
    look = [Action(kind=ActionKind.EXPLAIN_RUN, run_id=step.child_run_id)] if step.child_run_id else []
    if step.has_timed_out:
        cause, why = Cause.INVOKE_TIMED_OUT, "the invoked run did not end within the timeout of the step"
        look.append(advice("lengthen the timeout of the invoke, or find what holds that run up"))
    elif message.startswith(_NOT_STARTED):
        cause, why = Cause.INVOKE_NOT_STARTED, said(message)
        look.append(advice("correct the id of the invoked function, or start the app that has it"))
    else:
        cause, why = Cause.INVOKED_RUN_FAILED, "the invoked run did not succeed"
    there = f" There: {below.message}" if below is not None else ""
    return Explanation(
        cause=cause,
        message=f"Step {label(step)} failed: {why}.{there}",
        now_ms=view.now_ms,
        evidence=tuple(evidence if below is not None else [*error_evidence(error), *evidence]),
        happens_next=NOTHING,
        what_to_do=(*look, run_again(view)),
    )


def _cause_in_code(
    view: RunView, step: StepView | None, error: Mapping[str, Any] | None, last: FailedAttempt | None
) -> Cause:
    is_early = last is not None and last.next_attempt_ms is None and last.attempt + 1 < view.max_attempts
    if is_early or (error or {}).get("name") == "NonRetriableError":
        return Cause.NON_RETRIABLE_ERROR
    return Cause.FAILED_OUTSIDE_STEPS if step is None else Cause.FAILED_IN_STEP


def _last_failure(view: RunView, step: StepView | None) -> FailedAttempt | None:
    failures = view.failures if step is None else step.failures
    return failures[-1] if failures else None


def _where(step: StepView | None) -> str:
    return "The function" if step is None else f"Step {label(step)}"


def _in(step: StepView | None) -> str:
    return "" if step is None else f" in step {label(step)}"


def _how_final(cause: Cause, facts: RunFacts, last: FailedAttempt | None) -> str:
    if cause is Cause.NON_RETRIABLE_ERROR:
        return ", which is not to be retried"
    return "" if last is None else f" in {attempt_words(facts, last)}, the last"


def _about(facts: RunFacts, step: StepView | None, last: FailedAttempt | None) -> list[Evidence]:
    found = [] if step is None else [Evidence(kind="step", text=f"step {label(step)}")]
    if last is not None:
        found.append(
            Evidence(kind="attempt", text=f"{attempt_words(facts, last)} failed, and no more followed")
        )
    return found


def _handlers(view: RunView) -> list[Evidence]:
    return [
        Evidence(
            kind="failure-handler",
            text=f"its failure started run {handler.run_id} of {quoted(handler.function_slug)}",
            run_id=handler.run_id,
        )
        for handler in view.failure_handlers
    ]


def _named(error: Mapping[str, Any]) -> tuple[object, object]:
    return error.get("name"), error.get("message")
