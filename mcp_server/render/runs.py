"""Runs and steps of the engine as results of the tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from durable_engine import FailedAttempt, RunStatus, RunView, StepStatus, StepView
from durable_engine.durations import format_duration
from mcp_server.render.doubles import double_facts, mocked_and_fault
from mcp_server.render.faults import failed_steps
from mcp_server.render.payload import Cutter
from mcp_server.render.times import clock_ahead, iso
from mcp_server.render.waits import wait_of, waits_of
from mcp_server.results.runs import FailedStep, Failure, HandlerRun, RunRow, Step

MAX_FAILURES = 3
"""Failed attempts shown of one step or run, the newest; their number says how many there were."""

MAX_WAITS = 5
"""Waits shown beside a run; its steps tell of theirs themselves."""

MAX_FAILED_STEPS = 5
"""Failed steps shown beside a run when they are not among the steps shown."""


def run_facts(
    run: RunView,
    cut: Cutter,
    *,
    shown_steps: Sequence[StepView] = (),
    failures: int = MAX_FAILURES,
    most_waits: int = MAX_WAITS,
    most_failed: int = MAX_FAILED_STEPS,
    origin: str = "",
) -> dict[str, Any]:
    """Return the fields of `RunFacts`; what `shown_steps` tell of themselves is left out.

    `origin` is where the engine listens.
    """
    told = {step.id for step in shown_steps}
    waits = [wait for wait in waits_of(run) if wait.step_id not in told]
    shown, omitted = failures_of(run.failures, cut, most=failures, told=run.error)
    elapsed = elapsed_ms(run)
    facts: dict[str, Any] = {
        "run_id": run.id,
        "function_id": run.function_slug,
        "function_name": run.function_name,
        "app_id": run.app_name,
        "status": run.status.value,
        "queued_at": iso(run.queued_ms),
        "started_at": iso(run.started_ms),
        "ended_at": iso(run.ended_ms),
        "duration": None if elapsed is None else format_duration(elapsed),
        "duration_ms": elapsed,
        "time_skipped": time_skipped(run),
        "real_duration": real_duration(run) if run.skipped_ms else None,
        "clock_ahead": clock_ahead(run.clock_shift_ms),
        "event_id": run.event.id,
        "event_name": run.event.name,
        **double_facts(run),
        "error": None if run.status is RunStatus.CANCELLED else cut.error(run.error),
        "failed_steps": _failed_steps(run, cut, told=told, most=most_failed) or None,
        "cancelled": None if run.cancelled is None else cut.text(f"Cancelled {run.cancelled}."),
        "failures": shown or None,
        "failures_omitted": omitted or None,
        "waiting_for": [
            wait_of(wait, now_ms=run.now_ms, cut=cut, origin=origin) for wait in waits[:most_waits]
        ]
        or None,
        "waits_omitted": max(0, len(waits) - most_waits) or None,
        "step_count": len(run.steps),
    }
    if run.status is RunStatus.COMPLETED:
        facts["output"] = cut.value(run.output)
    return facts


def run_row(run: RunView, cut: Cutter, *, most_waits: int, origin: str = "") -> RunRow:
    """Return a run without its steps."""
    few = min(1, most_waits)
    facts = run_facts(run, cut, failures=few, most_waits=most_waits, most_failed=few, origin=origin)
    return RunRow(**facts)


def handler_runs(run: RunView) -> list[HandlerRun] | None:
    """Return the runs that the failure of this one started."""
    return [
        HandlerRun(run_id=handler.run_id, function_id=handler.function_slug, status=handler.status)
        for handler in run.failure_handlers
    ] or None


def _failed_steps(run: RunView, cut: Cutter, *, told: set[str], most: int) -> list[FailedStep]:
    """Return the steps that failed and that the answer does not show, those that ended the run first."""
    places = {step.id: place for place, step in enumerate(run.steps)}
    hidden = [step for step in failed_steps(run) if step.id not in told]
    return [
        FailedStep(
            step_name=cut.text(step.name),
            step_id=step.id,
            index=step.index or None,
            kind=step.kind.value,
            attempt=newest_attempt(step),
            attempts=step.attempts,
            child_run_id=step.child_run_id,
            error=None if step.error is None else cut.error(_brief(step.error)),
            cursor=str(places[step.id]),
        )
        for step in hidden[:most]
    ]


def newest_attempt(step: StepView) -> int:
    """Return the number of the newest call for a step, from 0.

    Calls that failed outside of steps count in the numbers of `failures`, not in those of the step.
    """
    newest = max(0, step.attempts - 1)
    if not step.failures:
        return newest
    goes_on = step.status in {StepStatus.COMPLETED, StepStatus.RUNNING}
    return max(newest, step.failures[-1].attempt + goes_on)


def step_of(
    step: StepView, cut: Cutter, *, now_ms: int, origin: str = "", told: dict[str, Any] | None = None
) -> Step:
    """Return one step with its payloads cut; its error in short where it is `told`, the error of the run."""
    failures, omitted = failures_of(step.failures, cut, most=MAX_FAILURES, told=step.error)
    for failure in failures:
        failure.step_id = None  # the step's own, just above
    mocked, fault = mocked_and_fault(step)
    facts: dict[str, Any] = {}
    if step.status is StepStatus.COMPLETED:
        facts["output"] = cut.value(step.output)
    return Step(
        step_name=cut.text(step.name),
        step_id=step.id,
        index=step.index or None,
        kind=step.kind.value,
        status=step.status.value,
        attempt=newest_attempt(step),
        attempts=step.attempts,
        started_at=iso(step.started_ms),
        ended_at=iso(step.ended_ms),
        duration=_duration(step.started_ms, step.ended_ms),
        timed_out=step.has_timed_out or None,
        input=None if step.input is None else cut.value(step.input),
        error=None if step.error is None else cut.error(_unless_told(step.error, told)),
        failures=failures or None,
        failures_omitted=omitted or None,
        waiting_for=None
        if step.waiting_for is None
        else wait_of(step.waiting_for, now_ms=now_ms, cut=cut, origin=origin),
        child_run_id=step.child_run_id,
        taken_over=step.is_taken_over or None,
        edited=step.edited,
        mocked=mocked,
        fault=fault,
        body_runs=None if step.doubled is None else step.body_runs,
        **facts,
    )


def failures_of(
    failures: Sequence[FailedAttempt], cut: Cutter, *, most: int, told: dict[str, Any] | None
) -> tuple[list[Failure], int]:
    """Return the newest failed attempts, oldest first, and how many older ones were left out.

    One that failed with `told`, the error that the answer shows in full beside them, is kept short.
    """
    newest = failures[-most:] if most else ()
    shown = [
        Failure(
            attempt=failure.attempt,
            at=iso(failure.at_ms) or "",
            error=error,
            step_id=failure.step_id,
            next_attempt_at=iso(failure.next_attempt_ms),
        )
        for failure in newest
        if (error := cut.error(_short(failure.error, told))) is not None
    ]
    return shown, len(failures) - len(shown)


def _short(error: dict[str, Any], told: dict[str, Any] | None) -> dict[str, Any]:
    return error if error != told else _brief(error)


def _unless_told(error: dict[str, Any], told: dict[str, Any] | None) -> dict[str, Any]:
    """Return the error of a step: the run that ended with it has the same with details of the call."""
    is_told = told is not None and error.items() <= told.items()
    return _brief(error) if is_told else error


def _brief(error: dict[str, Any]) -> dict[str, Any]:
    return {key: error[key] for key in ("name", "message") if key in error}


def elapsed_ms(run: RunView) -> int | None:
    """Return how long a run took, or has been running; None before its start."""
    if run.started_ms is None:
        return None
    return max(0, (run.now_ms if run.ended_ms is None else run.ended_ms) - run.started_ms)


def time_skipped(run: RunView) -> str | None:
    """Return how much of a run's time was skipped, to the second."""
    return format_duration(round(run.skipped_ms, -3)) if run.skipped_ms else None


def real_duration(run: RunView) -> str | None:
    """Return how long a run took by the real clock: what was skipped does not count."""
    elapsed = elapsed_ms(run)
    return None if elapsed is None else format_duration(max(0, elapsed - run.skipped_ms))


def _duration(started_ms: int | None, ended_ms: int | None) -> str | None:
    if started_ms is None or ended_ms is None:
        return None
    return format_duration(max(0, ended_ms - started_ms))
