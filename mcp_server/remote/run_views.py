"""Runs of API v2 and v1 as callers of the engine see them."""

from __future__ import annotations

from dataclasses import replace

from durable_engine.ids import is_ulid, ulid_ms
from durable_engine.model.event import Event
from durable_engine.model.json_value import JSONObject
from durable_engine.model.records import RunRecord
from durable_engine.model.status import RunStatus, StepStatus
from durable_engine.model.views import RunView, StepView
from mcp_server.remote.events import UNTOLD, name_of
from mcp_server.remote.functions import whole_slug
from mcp_server.remote.reading import an_object, moment, text, texts
from mcp_server.remote.statuses import is_known_run_status, run_status
from mcp_server.remote.traces import UNTOLD_ERROR, failures_of, steps_of
from mcp_server.remote.values import error_in, unwrapped

_SKIPPED = "before it began: the server skipped it"
_BY_SOMEBODY = "by somebody or something that the server does not name"


def record_of(run: JSONObject) -> RunRecord:
    """Return a run of API v2, without its steps."""
    run_id = text(run, "id") or ""
    app = text(an_object(run.get("app")), "id", "name") or ""
    function = an_object(run.get("function"))
    slug = text(function, "slug") or whole_slug(app, text(function, "id") or "")
    trigger = an_object(run.get("trigger"))
    event_ids = texts(trigger.get("eventIds"))
    queued_ms = _queued(run_id, moment(run, "queuedAt", "startedAt"))
    started_ms, ended_ms = moment(run, "startedAt"), moment(run, "endedAt")
    status = run_status(run.get("status"), has_ended=ended_ms is not None, has_started=started_ms is not None)
    output = run.get("output")
    return RunRecord(
        id=run_id,
        status=status,
        function_id=slug,
        function_slug=slug,
        function_name=text(function, "name") or slug,
        app_name=app,
        event_id=event_ids[0] if event_ids else "",
        event_name=name_of(trigger),
        queued_ms=queued_ms,
        received_ms=queued_ms,
        started_ms=started_ms,
        ended_ms=ended_ms,
        output=unwrapped(output) if status is RunStatus.COMPLETED else None,
        error=error_in(output) if status is RunStatus.FAILED else None,
        original_run_id=text(run, "originalRunId"),
        cron=text(trigger, "cronSchedule"),
        cancelled=_why_cancelled(status, run.get("status")),
        event_ids=event_ids,
    )


def record_of_v1(run: JSONObject) -> RunRecord:
    """Return a run of API v1, which names its function by UUID only."""
    run_id, function = text(run, "run_id") or "", text(run, "function_id") or ""
    ended_ms = moment(run, "ended_at")
    status = run_status(run.get("status"), has_ended=ended_ms is not None, has_started=True)
    queued_ms = _queued(run_id, moment(run, "run_started_at"))
    output = run.get("output")
    event_id = text(run, "event_id") or ""
    return RunRecord(
        id=run_id,
        status=status,
        function_id=function,
        function_slug=function,
        function_name=function,
        app_name="",
        event_id=event_id,
        event_name="",
        queued_ms=queued_ms,
        received_ms=queued_ms,
        started_ms=moment(run, "run_started_at") if status is not RunStatus.QUEUED else None,
        ended_ms=ended_ms,
        output=output if status is RunStatus.COMPLETED else None,
        error=error_in(output) if status is RunStatus.FAILED else None,
        original_run_id=text(run, "original_run_id"),
        cancelled=_why_cancelled(status, run.get("status")),
        cron=text(run, "cron"),
        event_ids=(event_id,) if event_id else (),
    )


def view_of(
    record: RunRecord, root: JSONObject, event: Event, *, word: object, now_ms: int, max_attempts: int | None
) -> RunView:
    """Return a run with the steps of its trace.

    Args:
        record: the run.
        root: the span of the run, empty without a trace.
        event: that started it.
        word: the server's own word for the status.
        now_ms: the server's time.
        max_attempts: of its function, None where that is not known: the view has 0 then.
    """
    failures = failures_of(root)
    steps = steps_of(root)
    if record.status.is_terminal:
        steps = tuple(_as_of_the_end(step, record) for step in steps)
    error = record.error
    if record.status is RunStatus.FAILED and error is None:
        error = error_in(root.get("output")) or {"message": UNTOLD_ERROR}
    return RunView(
        id=record.id,
        status=record.status,
        function_slug=record.function_slug,
        function_name=record.function_name,
        app_name=record.app_name,
        event=event,
        queued_ms=record.queued_ms,
        now_ms=max(now_ms, record.started_ms or record.queued_ms),
        started_ms=record.started_ms,
        ended_ms=record.ended_ms,
        output=record.output,
        error=error,
        steps=steps,
        failures=failures,
        attempt=failures[-1].attempt if failures else 0,
        max_attempts=max_attempts or 0,
        child_run_ids=tuple(filter(None, (step.child_run_id for step in steps))),
        original_run_id=record.original_run_id,
        cancelled=record.cancelled,
        notes=_notes(record, root, event, word),
        event_ids=record.event_ids,
        is_elsewhere=True,
        are_steps_known=bool(root),
    )


def _why_cancelled(status: RunStatus, word: object) -> str | None:
    """Return why a run was cancelled, as the end of a sentence; None for one that was not."""
    if status is not RunStatus.CANCELLED:
        return None
    return _SKIPPED if str(word).upper().endswith("SKIPPED") else _BY_SOMEBODY


def _as_of_the_end(step: StepView, record: RunRecord) -> StepView:
    """Return a step of a run that has ended: it waits for nothing, even where its trace is behind."""
    if step.status.is_terminal:
        return step
    status = StepStatus.CANCELLED if record.status is RunStatus.CANCELLED else step.status
    return replace(step, status=status, waiting_for=None)


def _notes(record: RunRecord, root: JSONObject, event: Event, word: object) -> tuple[str, ...]:
    notes = []
    if not is_known_run_status(word if isinstance(word, str) else None):
        said = str(word)[:40] if word else "nothing"
        notes.append(f"The server's word for the status is {said!r}; {record.status} is read from its times.")
    if not root:
        notes.append("The server gave no trace of this run, so its steps are not known.")
    if event.source == UNTOLD:
        notes.append("The server does not tell the data of the event that started this run.")
    return tuple(notes)


def _queued(run_id: str, told_ms: int | None) -> int:
    if told_ms is not None:
        return told_ms
    return ulid_ms(run_id) if is_ulid(run_id) else 0
