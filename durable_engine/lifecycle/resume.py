"""End a waiting step: its time came, its event arrived, or the run it invoked ended."""

from __future__ import annotations

from dataclasses import replace

from durable_engine.lifecycle.progress import call_again, continues_after, end_step
from durable_engine.model.changes import Changes
from durable_engine.model.event import Event, EventEffect
from durable_engine.model.json_value import JSONObject, JSONValue, to_json
from durable_engine.model.run import Run
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.step import Step, Surroundings

_NULL = "null"
_INVOKE_TIMEOUT = "InngestInvokeTimeoutError"
_INVOKE_TIMEOUT_TEXT = "Timed out waiting for invoked function to complete"


def resume_with(
    run: Run,
    step: Step,
    *,
    memo: str,
    around: Surroundings,
    now_ms: int,
    error: JSONObject | None = None,
    has_timed_out: bool = False,
) -> Changes:
    """End `step` with `memo` (JSON text as the SDK gets it) and call the function again."""
    changes = Changes()
    ended = replace(
        step,
        memo=memo,
        status=StepStatus.FAILED if error else StepStatus.COMPLETED,
        error=to_json(error) if error else step.error,
        has_timed_out=has_timed_out,
    )
    end_step(changes, run.id, ended, now_ms=now_ms)
    changes.closed_waits.append((run.id, step.ref.id))
    changes.resumed.append(run.id)
    if continues_after(step, around.open_in_group):
        call_again(changes, run, is_alone=around.is_alone, now_ms=now_ms)
    return changes


def time_is_up(run: Run, step: Step, *, around: Surroundings, now_ms: int) -> Changes:
    """End a sleep, or time out a wait: a wait yields null, an invoke yields an error."""
    if step.kind is StepKind.INVOKE:
        error = invoke_timeout_error()
        return resume_with(
            run,
            step,
            memo=to_json({"error": error}),
            around=around,
            now_ms=now_ms,
            error=error,
            has_timed_out=True,
        )
    return resume_with(
        run,
        step,
        memo=_NULL,
        around=around,
        now_ms=now_ms,
        has_timed_out=step.kind is not StepKind.SLEEP,
    )


def invoke_timeout_error() -> JSONObject:
    """Return the error of a step whose invoked function did not end in time."""
    return {
        "error": f"{_INVOKE_TIMEOUT}: {_INVOKE_TIMEOUT_TEXT}",
        "name": _INVOKE_TIMEOUT,
        "message": _INVOKE_TIMEOUT_TEXT,
    }


def event_arrived(run: Run, step: Step, event: Event, *, around: Surroundings, now_ms: int) -> Changes:
    """End a wait with the whole event: SDKs expect it unwrapped."""
    changes = resume_with(run, step, memo=to_json(event.as_payload()), around=around, now_ms=now_ms)
    changes.effects.append(EventEffect(event_id=event.id, run_id=run.id, step_id=step.ref.id))
    return changes


def signal_arrived(
    run: Run, step: Step, signal: str, data: JSONValue, *, around: Surroundings, now_ms: int
) -> Changes:
    """End a wait with the signal and what was sent with it."""
    memo = to_json({"data": {"signal": signal, "data": data}})
    return resume_with(run, step, memo=memo, around=around, now_ms=now_ms)


def child_ended(
    run: Run,
    step: Step,
    *,
    output: str | None,
    error: JSONObject | None,
    around: Surroundings,
    now_ms: int,
) -> Changes:
    """End an invoke with the child's result (`output`, JSON text) or its error."""
    memo = to_json({"error": error}) if error else f'{{"data":{output or _NULL}}}'
    return resume_with(run, step, memo=memo, around=around, now_ms=now_ms, error=error)
