"""End a run and tell the world with the events Inngest defines for it.

Source: `inngest/function.finished` and `inngest/function.failed` as observed on an Inngest server.
"""

from __future__ import annotations

from typing import Final

from durable_engine.ids import derived_ulid
from durable_engine.lifecycle.facts import CallFacts
from durable_engine.model.changes import Changes, RunEnd
from durable_engine.model.event import FUNCTION_FAILED, FUNCTION_FINISHED, LIFECYCLE_EVENTS, Event
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject, JSONValue, to_json
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus, check_run_transition

_STATUS_WORDS: Final = {RunStatus.COMPLETED: "Completed", RunStatus.FAILED: "Failed"}


def complete(changes: Changes, facts: CallFacts, data: JSONValue) -> None:
    """The function returned `data`."""
    _end(changes, facts.run, RunStatus.COMPLETED, now_ms=facts.now_ms, output=to_json(data))
    event = facts.load_event()
    changes.emitted.append(_event(facts, event, FUNCTION_FINISHED, RunStatus.COMPLETED, {"result": data}))


def fail(
    changes: Changes,
    facts: CallFacts,
    error: JSONObject,
    *,
    body: JSONValue = None,
    is_retriable: bool = False,
) -> None:
    """The run failed for good; `body` is the app's raw answer, where there is one."""
    _end(changes, facts.run, RunStatus.FAILED, now_ms=facts.now_ms, error=to_json(error))
    summary = f"invalid status code: {error.get('status', 500)}" if is_retriable else "NonRetriableError"
    reported = {key: error[key] for key in ("name", "message", "stack") if key in error}
    outcome: JSONObject = {"error": {"error": summary, **reported}, "result": body}
    event = facts.load_event()
    changes.emitted.append(_event(facts, event, FUNCTION_FINISHED, RunStatus.FAILED, outcome))
    # A failure handler that fails must not start itself again.
    if event.name not in LIFECYCLE_EVENTS:
        changes.emitted.append(_event(facts, event, FUNCTION_FAILED, RunStatus.FAILED, outcome))


def _end(
    changes: Changes,
    run: Run,
    status: RunStatus,
    *,
    now_ms: int,
    output: str | None = None,
    error: str | None = None,
) -> None:
    check_run_transition(run.status, status)
    changes.ends.append(RunEnd(run=run, status=status, ended_ms=now_ms, output=output, error=error))
    kind = HistoryKind.RUN_COMPLETED if status is RunStatus.COMPLETED else HistoryKind.RUN_FAILED
    changes.history.append(HistoryEntry(run_id=run.id, at_ms=now_ms, kind=kind))


def _event(facts: CallFacts, of_run: Event, name: str, status: RunStatus, outcome: JSONObject) -> Event:
    run, trigger = facts.run, of_run.as_payload()
    data: JSONObject = {
        "function_id": facts.function.slug,
        "run_id": run.id,
        "event": trigger,
        "events": [trigger],
        **outcome,
        "_inngest": {"status": _STATUS_WORDS[status]},
    }
    if run.parent_run_id is not None:
        data["correlation_id"] = f"{run.parent_run_id}.{run.parent_step_id}"
    # A failure event's id is the id of the failed run.
    event_id = run.id if name == FUNCTION_FAILED else derived_ulid(facts.now_ms, run.id, name)
    return Event(
        id=event_id,
        public_id=event_id,
        name=name,
        data=data,
        user={},
        ts_ms=facts.now_ms,
        received_ms=facts.now_ms,
        source="engine",
    )
