"""Runs, steps, failures and waits, as answers show them."""

from __future__ import annotations

from typing import ClassVar, Literal

from mcp_server.results.base import AnyJSON, Detail, Model, Result
from mcp_server.results.doubles import DoubleUseInfo

Status = Literal["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
StepState = Literal["QUEUED", "RUNNING", "WAITING", "COMPLETED", "FAILED", "CANCELLED"]


class ErrorInfo(Detail):
    """An error of the user's code, quoted; or of the engine, which then has no stack."""

    name: str | None = None
    message: str
    stack: str | None = None
    details: AnyJSON = None


class Failure(Detail):
    """One failed attempt. `attempt` is the number of the call, from 0, as the SDKs count.

    A call that failed as a whole counts for the steps after it, too: a step that fails in the second
    call fails with `attempt` 1.
    """

    attempt: int
    at: str
    error: ErrorInfo
    step_id: str | None = None
    next_attempt_at: str | None = None


class Wait(Detail):
    """What a run or a step waits for, and how to satisfy it."""

    kind: str
    step_name: str | None = None
    step_id: str | None = None
    until: str | None = None
    remaining: str | None = None
    event_name: str | None = None
    expression: str | None = None
    run_id: str | None = None
    function_id: str | None = None
    signal: str | None = None
    how: str


class FailedStep(Detail):
    """A step that failed and is not among `steps`; `cursor` shows it in full."""

    step_name: str
    step_id: str
    index: int | None = None
    kind: str
    attempt: int
    attempts: int
    child_run_id: str | None = None
    error: ErrorInfo | None = None
    cursor: str


class HandlerRun(Detail):
    """A run that was started because another one failed."""

    run_id: str
    function_id: str
    status: str


class Step(Detail):
    """One step of a run. `attempt` is the number of the newest call for it, from 0, as in `failures`;
    `attempts` how often the step itself was tried. `child_run_id`: the run that it invoked.
    `taken_over`: a rerun has its result from the original run; `edited`: its input or output was edited.
    `mocked` and `fault` name what stood in for the step, or hit its call, last; `bodyRuns` is how often the
    app did its work then.
    """

    keeps_null: ClassVar[frozenset[str]] = frozenset({"output"})

    step_name: str
    step_id: str
    index: int | None = None
    kind: str
    status: StepState
    attempt: int
    attempts: int
    started_at: str | None = None
    ended_at: str | None = None
    duration: str | None = None
    timed_out: bool | None = None
    input: AnyJSON = None
    output: AnyJSON = None
    error: ErrorInfo | None = None
    failures: list[Failure] | None = None
    failures_omitted: int | None = None
    waiting_for: Wait | None = None
    child_run_id: str | None = None
    taken_over: bool | None = None
    edited: str | None = None
    mocked: str | None = None
    fault: str | None = None
    body_runs: int | None = None


class RunFacts(Model):
    """What every answer about a run says."""

    keeps_null: ClassVar[frozenset[str]] = frozenset({"output"})

    run_id: str
    function_id: str
    function_name: str
    app_id: str
    status: Status
    queued_at: str
    started_at: str | None = None
    ended_at: str | None = None
    duration: str | None = None
    duration_ms: int | None = None
    time_skipped: str | None = None
    real_duration: str | None = None
    clock_ahead: str | None = None
    event_id: str
    event_name: str
    mocked: str | None = None
    unused_mocks: list[str] | None = None
    output: AnyJSON = None
    error: ErrorInfo | None = None
    failed_steps: list[FailedStep] | None = None
    cancelled: str | None = None
    failures: list[Failure] | None = None
    failures_omitted: int | None = None
    waiting_for: list[Wait] | None = None
    waits_omitted: int | None = None
    step_count: int


class RunRow(Detail, RunFacts):
    """A run among others, without its steps."""


class RunDetail(RunFacts, Result):
    """One run with its steps."""

    event_data: AnyJSON = None
    event_ts: str | None = None
    batch_event_ids: list[str] | None = None
    attempt: int
    max_attempts: int | None = None
    parent_run_id: str | None = None
    child_run_ids: list[str] | None = None
    original_run_id: str | None = None
    failed_run_id: str | None = None
    failure_handler_runs: list[HandlerRun] | None = None
    notes: list[str] | None = None
    doubles: list[DoubleUseInfo] | None = None
    doubles_omitted: int | None = None
    steps: list[Step]
    truncated: str | None = None
    next_cursor: str | None = None


class InvokeResult(RunFacts, Result):
    """How the invoked run ended, or how far it came."""

    failure_handler_runs: list[HandlerRun] | None = None
    steps: list[Step]
    truncated: str | None = None


class UnknownRun(Detail):
    """An id that no run has."""

    run_id: str
    nearest: list[str] | None = None


class PollResult(Result):
    """The runs that were asked for. `allEnded` is false while any of them is queued or running."""

    all_ended: bool
    completed: int
    failed: int
    cancelled: int
    running: int
    queued: int
    runs: list[RunRow]
    not_found: list[UnknownRun] | None = None
    truncated: str | None = None
