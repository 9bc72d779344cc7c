"""End a run and tell the world with the events Inngest defines for it.

Source: `inngest/function.finished`, `inngest/function.failed` and `inngest/function.cancelled` as observed
on an Inngest server and as documented.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durable_engine.ids import derived_ulid
from durable_engine.lifecycle.facts import RunFacts
from durable_engine.model.changes import Changes, RunEnd
from durable_engine.model.event import (
    FUNCTION_CANCELLED,
    FUNCTION_FAILED,
    FUNCTION_FINISHED,
    LIFECYCLE_EVENTS,
    MIRROR,
    Event,
)
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject, JSONValue, to_json
from durable_engine.model.status import RunStatus, check_run_transition

_STATUS_WORDS: Final = {
    RunStatus.COMPLETED: "Completed",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELLED: "Cancelled",
}
_HISTORY: Final = {
    RunStatus.COMPLETED: HistoryKind.RUN_COMPLETED,
    RunStatus.FAILED: HistoryKind.RUN_FAILED,
    RunStatus.CANCELLED: HistoryKind.RUN_CANCELLED,
}
_CANCELLED: Final = {"name": "Error", "message": "function cancelled"}


def complete(changes: Changes, facts: RunFacts, data: JSONValue) -> None:
    """The function returned `data`."""
    _end(changes, facts, RunStatus.COMPLETED, {"result": data}, output=to_json(data))


def fail(
    changes: Changes,
    facts: RunFacts,
    error: JSONObject,
    *,
    body: JSONValue = None,
    is_retriable: bool = False,
) -> None:
    """The run failed for good; `body` is the app's raw answer, where there is one."""
    summary = "NonRetriableError"
    if is_retriable:  # an app that never answered has no status
        summary = f"invalid status code: {error['status']}" if "status" in error else str(error["message"])
    reported = {key: error[key] for key in ("name", "message", "stack") if key in error}
    outcome: JSONObject = {"error": {"error": summary, **reported}, "result": body}
    _end(changes, facts, RunStatus.FAILED, outcome, error=to_json(error), says=FUNCTION_FAILED)


def cancel(changes: Changes, facts: RunFacts, *, reason: str) -> None:
    """The run is cancelled; `reason` is the end of a sentence that begins with "cancelled"."""
    _end(
        changes,
        facts,
        RunStatus.CANCELLED,
        {"error": {"error": _CANCELLED["message"], **_CANCELLED}},
        error=to_json(_CANCELLED),
        says=FUNCTION_CANCELLED,
        detail={"reason": reason},
    )


def _end(
    changes: Changes,
    facts: RunFacts,
    status: RunStatus,
    outcome: JSONObject,
    *,
    output: str | None = None,
    error: str | None = None,
    says: str | None = None,
    detail: JSONObject | None = None,
) -> None:
    """End the run and emit `function.finished`, and the event `says` besides; nothing for a mirrored run."""
    run, now_ms = facts.run, facts.now_ms
    check_run_transition(run.status, status)
    changes.ends.append(RunEnd(run=run, status=status, ended_ms=now_ms, output=output, error=error))
    changes.history.append(
        HistoryEntry(run_id=run.id, at_ms=now_ms, kind=_HISTORY[status], detail=detail or {})
    )
    events = facts.load_events()
    # Whoever heard of its end, such as its failure handler, would do for real what it did elsewhere already.
    if events[0].source == MIRROR and run.original_run_id is None:
        return
    changes.emitted.append(_event(facts, events, FUNCTION_FINISHED, status, outcome))
    # A failure handler that fails must not start itself again.
    if says is not None and events[0].name not in LIFECYCLE_EVENTS:
        changes.emitted.append(_event(facts, events, says, status, outcome))


def _event(
    facts: RunFacts, of_run: Sequence[Event], name: str, status: RunStatus, outcome: JSONObject
) -> Event:
    run, triggers = facts.run, [event.as_payload() for event in of_run]
    data: JSONObject = {
        "function_id": facts.function.slug,
        "run_id": run.id,
        "event": triggers[0],
        # As observed: a copy in `events` has no `user` where the sender gave none.
        "events": [
            {key: value for key, value in trigger.items() if key != "user" or value} for trigger in triggers
        ],
        **outcome,
        "_inngest": {"status": _STATUS_WORDS[status]},
    }
    if run.parent_run_id is not None:
        data["correlation_id"] = f"{run.parent_run_id}.{run.parent_step_id}"
    # The id of a failure or cancellation event is that of its run.
    event_id = derived_ulid(facts.engine_ms, run.id, name) if name == FUNCTION_FINISHED else run.id
    return Event(
        id=event_id,
        public_id=event_id,
        name=name,
        data=data,
        user={},
        ts_ms=facts.now_ms,
        received_ms=facts.engine_ms,
        source="engine",
    )
