"""One sentence on where a run is, and one on what can be done next."""

from __future__ import annotations

from collections.abc import Sequence

from durable_engine import RunStatus, RunView, StepKind, StepStatus, StepView, WaitingFor
from durable_engine.durations import format_duration
from durable_engine.ids import is_ulid
from mcp_server.clean import in_json, one_line, quoted_step
from mcp_server.render.faults import causes_of, engine_fault, failed_next
from mcp_server.render.runs import elapsed_ms, newest_attempt, real_duration
from mcp_server.render.waits import describe_wait, send_signal_command, time_left, waits_of

_MAX_WAITS = 2
_LONGEST_POLL_MS = 55_000
"""A sleep that lasts longer is not worth a call that waits."""
_EXPLAINED = frozenset({"invoke", "concurrency", "throttle", "slot", "paused"})
"""Waits whose reason lies elsewhere: in other runs."""


def run_sentence(run: RunView) -> str:
    """Return e.g. `Run 01J… of 'shop-pay' is RUNNING for 1.2s: waits for an event 'a/b'.`"""
    doubled = "" if run.is_real else " Not all of it was real (see mocked)."
    return f"{_run_sentence(run)}{doubled}"


def _run_sentence(run: RunView) -> str:
    elapsed = elapsed_ms(run)
    took = "" if elapsed is None else format_duration(elapsed)
    if took and run.skipped_ms:
        took += f" of virtual time ({real_duration(run)} real)"
    rerun = f" (rerun of {run.original_run_id})" if run.original_run_id else ""
    start = f"Run {run.id} of {one_line(run.function_slug, 100)!r}{rerun} is {run.status.value}"
    if run.status is RunStatus.COMPLETED:
        return f"{start} after {took or 'no time'}, {_steps(run)}."
    if run.status is RunStatus.CANCELLED and run.cancelled:
        start = f"{start} ({one_line(run.cancelled, 200)})"
    if run.status.is_terminal:
        return f"{start}{_where(run)}{f' after {took}' if took else ''}, {_steps(run)}."
    return f"{start}{f' for {took}' if took else ''}: {activity(run)}."


def run_next(run: RunView, *, origin: str = "") -> str | None:
    """Return what a caller can do about this run now, or None when there is nothing to do.

    `origin` is where the engine listens.
    """
    if run.status is RunStatus.FAILED:
        return f"{failed_next(run)} {_explain(run)} names the cause."
    return None if run.status.is_terminal else _open_next(run, origin)


def _open_next(run: RunView, origin: str) -> str | None:
    if run.is_engine_stopping:
        return f"Stepcue is stopping. All is kept, and goes on once it is started again; then {_poll(run)}"
    if run.storage_fault is not None:
        why = " ".join(one_line(words, 400) for words in run.storage_fault if words)
        return f"Nothing can be stored at the moment, so no run goes on. {why} Then {_poll(run)}"
    for wait in waits_of(run):
        if wait.kind == "event" and wait.event_name:
            return _send_awaited(run, wait)
        if wait.kind == "signal" and wait.signal and not wait.is_displaced:
            return f"{send_signal_command(wait, origin)} satisfies the wait; {_poll(run)}"
    open_steps = [step for step in run.steps if not step.status.is_terminal]
    failures = [*run.failures, *(failure for step in open_steps for failure in step.failures)]
    if failures:
        newest = max(failures, key=lambda failure: failure.at_ms)
        fault = engine_fault(newest.error)
        why = f" {fault}" if fault else ""
        retried = f"Attempts failed and are being retried (see failures).{why}"
        return f"{retried} {_explain(run)} says where; {_poll(run)}"
    return f"{_before_polling(run)}{_poll(run)}"


def was_started(run_id: str) -> str:
    """Return what precedes the error of somebody who has just started a run and cannot look at it."""
    waits = f'poll_run_status runIds=["{run_id}"] waits for it'
    return f"Run {run_id} was started, and {waits}. How it is cannot be said:"


def event_hint(run_ids: Sequence[str]) -> str:
    """Return how to find the runs of an event, for ids that no run has and that may be an event's."""
    event_id = next(filter(is_ulid, run_ids), None)
    if event_id is None:
        return ""
    return f' If it is the id of an event, list_runs eventId="{event_id}" shows the runs it started.'


def _before_polling(run: RunView) -> str:
    """Return what leads further than waiting alone: a reason that lies elsewhere, or a sleep to skip."""
    waits = waits_of(run)
    if any(wait.kind in _EXPLAINED for wait in waits):
        return f"{_explain(run)} says what is behind that; "
    ends = [wait.until_ms for wait in waits if wait.kind == "sleep" and wait.until_ms is not None]
    if ends and min(ends) - run.now_ms > _LONGEST_POLL_MS:
        return f'advance_time runId="{run.id}" lets that time pass at once; '
    return ""


def _send_awaited(run: RunView, wait: WaitingFor) -> str:
    call = f"send_event name={in_json(wait.event_name or '')}"
    if wait.expression:
        return f"{call} satisfies the wait if its data meet the condition: {_explain(run)} tells which do."
    return f"{call} satisfies the wait; {_poll(run)}"


def _poll(run: RunView) -> str:
    return f'poll_run_status runIds=["{run.id}"] waits for the end.'


def _explain(run: RunView) -> str:
    return f'explain runId="{run.id}"'


def _where(run: RunView) -> str:
    """Return the step that ended the run: ` in step 'charge' (attempt 5 of 5)`."""
    causes = causes_of(run)
    if not causes:
        return ""
    cause = causes[0]
    if cause.kind is StepKind.INVOKE:
        how = f" (invoked run {cause.child_run_id})" if cause.child_run_id else ""
    else:
        number = newest_attempt(cause) + 1
        most = f" of {run.max_attempts}" if number <= run.max_attempts else ""
        how = f" (attempt {number}{most})"
    more = f" and {len(causes) - 1} more with the same error" if causes[1:] else ""
    return f" in step {quoted_step(cause.name, cause.index)}{how}{more}"


def _steps(run: RunView) -> str:
    if not run.steps:
        return "without steps" if run.are_steps_known else "of its steps nothing is known"
    done = sum(step.status is StepStatus.COMPLETED for step in run.steps)
    taken = sum(step.is_taken_over for step in run.steps)
    over = f" ({taken} taken over)" if taken else ""
    counts = f"{done} of {len(run.steps)} steps completed{over}"
    failed = sum(step.status is StepStatus.FAILED for step in run.steps)
    if run.status is RunStatus.COMPLETED and failed:
        return f"{counts}, {failed} failed and {'was' if failed == 1 else 'were'} caught"
    causes = causes_of(run)
    if failed > len(causes):
        counts = f"{counts}, {failed - len(causes)} {'other ' if causes else ''}failed"
    has_stack = run.error is not None and bool(run.error.get("stack"))
    if run.status is RunStatus.FAILED and has_stack and not causes:
        # The Python SDK does not report the step in which a NonRetriableError was raised.
        return f"outside any reported step ({counts}; see the stack)"
    return counts


def activity(run: RunView) -> str:
    """Return what an open run waits for, or is doing: the end of a sentence."""
    waits = waits_of(run)
    if waits and waits[0].kind == "report":
        left = time_left(waits[0], now_ms=run.now_ms)
        return f"the app is handling the request; it is called again in {left} unless it reports before"
    if waits:
        words = [describe_wait(wait, now_ms=run.now_ms) for wait in waits[:_MAX_WAITS]]
        more = f" and {len(waits) - _MAX_WAITS} more" if len(waits) > _MAX_WAITS else ""
        busy = _busy([step for step in run.steps if step.status is StepStatus.RUNNING], run.now_ms)
        return f"waits for {' and for '.join(words)}{more}{f'; {busy}' if busy else ''}"
    if run.status is RunStatus.QUEUED:
        return "its first call has not been made" if run.is_elsewhere else "its first call is due"
    busy = _busy([step for step in run.steps if not step.status.is_terminal], run.now_ms)
    if busy:
        return busy
    if run.is_elsewhere:
        return "what it is doing now, the server does not say"
    ended = [step.ended_ms for step in run.steps if step.ended_ms is not None]
    since = f", {_span(max(ended), run.now_ms)} after its last step ended" if ended else ""
    return f"the app is being called{since}"


def _busy(steps: Sequence[StepView], now_ms: int) -> str:
    """Return what is being done now: `step 'charge' is in progress for 12s with 2 more`."""
    if not steps:
        return ""
    first = min(steps, key=lambda step: step.status is not StepStatus.RUNNING)
    more = f" with {len(steps) - 1} more" if steps[1:] else ""
    return f"step {quoted_step(first.name, first.index)} {_since(first, now_ms)}{more}"


def _since(step: StepView, now_ms: int) -> str:
    """Return since when a step is in progress: the newest attempt counts."""
    if step.status is StepStatus.QUEUED:
        return "is due"
    began_ms = step.started_ms
    if step.failures:
        began_ms = step.failures[-1].next_attempt_ms or began_ms
    return "is in progress" + ("" if began_ms is None else f" for {_span(began_ms, now_ms)}")


def _span(from_ms: int, now_ms: int) -> str:
    return format_duration(max(0, now_ms - from_ms))
