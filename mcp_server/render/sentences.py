"""One sentence on where a run is, and one on what can be done next."""

from __future__ import annotations

from durable_engine import RunStatus, RunView, StepStatus
from durable_engine.durations import format_duration
from mcp_server.clean import one_line
from mcp_server.render.runs import elapsed_ms
from mcp_server.render.waits import describe_wait, waits_of

_MAX_WAITS = 2


def run_sentence(run: RunView) -> str:
    """Return e.g. `Run 01J… of 'shop-pay' is RUNNING for 1.2s: waits for an event 'a/b'.`"""
    elapsed = elapsed_ms(run)
    took = "" if elapsed is None else format_duration(elapsed)
    start = f"Run {run.id} of {one_line(run.function_slug, 100)!r} is {run.status.value}"
    if run.status is RunStatus.COMPLETED:
        return f"{start} after {took or 'no time'}, {_steps(run)}."
    if run.status is RunStatus.CANCELLED and run.cancelled:
        start = f"{start} ({one_line(run.cancelled, 200)})"
    if run.status.is_terminal:
        return f"{start}{f' after {took}' if took else ''}, {_steps(run)}."
    return f"{start}{f' for {took}' if took else ''}: {_activity(run)}."


def run_next(run: RunView) -> str | None:
    """Return what a caller can do about this run now, or None when there is nothing to do."""
    if run.status is RunStatus.FAILED:
        return (
            "The error above is quoted from the app. After a fix, invoke_function "
            f"functionId={one_line(run.function_slug, 100)!r} starts a new run."
        )
    if run.status.is_terminal:
        return None
    for wait in waits_of(run):
        if wait.kind == "event" and wait.event_name:
            return f"send_event name={one_line(wait.event_name, 100)!r} satisfies the wait; {_poll(run)}"
    if run.failures or any(step.failures for step in run.steps):
        return f"Attempts failed and are being retried (see failures); {_poll(run)}"
    return _poll(run)


def _poll(run: RunView) -> str:
    return f'poll_run_status runIds=["{run.id}"] waits for the end.'


def _steps(run: RunView) -> str:
    done = sum(step.status is StepStatus.COMPLETED for step in run.steps)
    if not run.steps:
        return "without steps"
    failed = any(step.status is StepStatus.FAILED for step in run.steps)
    if run.status is RunStatus.FAILED and not failed:
        # The Python SDK does not report the step in which a NonRetriableError was raised.
        return f"outside any reported step ({done} of {len(run.steps)} completed; see the stack)"
    return f"{done} of {len(run.steps)} steps completed"


def _activity(run: RunView) -> str:
    waits = waits_of(run)
    if waits:
        words = [describe_wait(wait, now_ms=run.now_ms) for wait in waits[:_MAX_WAITS]]
        more = f" and {len(waits) - _MAX_WAITS} more" if len(waits) > _MAX_WAITS else ""
        return f"waits for {' and for '.join(words)}{more}"
    if run.status is RunStatus.QUEUED:
        return "its first call is due"
    busy = [step.name for step in run.steps if not step.status.is_terminal]
    if busy:
        return f"step {one_line(busy[0], 80)!r} is in progress" + (
            f" with {len(busy) - 1} more" if busy[1:] else ""
        )
    return "the app is being called"
