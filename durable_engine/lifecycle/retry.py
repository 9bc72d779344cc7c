"""What follows a failed attempt: the same item later, or the end of the run.

Source: retry delays of an Inngest server as documented and observed: 15 s, 30 s, 1 m, 2 m, 5 m, 10 m,
20 m, 40 m, 1 h, then 2 h each, plus up to 30 s at random; `Retry-After` overrides them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from durable_engine.lifecycle import finish
from durable_engine.lifecycle.facts import CallFacts
from durable_engine.lifecycle.progress import end_step
from durable_engine.model.changes import Changes, ItemRetry, StepWrite
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject, to_json
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.reply import Failed
from durable_engine.model.status import StepStatus
from durable_engine.model.step import Step

_MINUTE: Final = 60_000
BACKOFF_MS: Final = (
    15_000,
    30_000,
    _MINUTE,
    2 * _MINUTE,
    5 * _MINUTE,
    10 * _MINUTE,
    20 * _MINUTE,
    40 * _MINUTE,
    60 * _MINUTE,
    120 * _MINUTE,
)
JITTER_MS: Final = 30_000


def backoff_ms(item: QueueItem) -> int:
    """Return the delay after the item's present attempt failed.

    The jitter is derived from the item, so that the same decision made twice gives the same answer.
    """
    base = BACKOFF_MS[min(item.attempt, len(BACKOFF_MS) - 1)]
    digest = hashlib.sha256(f"{item.run_id}/{item.id}/{item.attempt}".encode()).digest()
    return base + int.from_bytes(digest[:4], "big") % (JITTER_MS + 1)


def retry_item(
    changes: Changes,
    facts: CallFacts,
    *,
    kind: HistoryKind,
    error: JSONObject,
    retry_after_ms: int | None,
    step_id: str | None,
) -> int:
    """Put the item back for its next attempt and record why; returns when it is due."""
    delay_ms = backoff_ms(facts.item) if retry_after_ms is None else retry_after_ms
    due_ms = facts.now_ms + delay_ms
    changes.retries.append(ItemRetry(item_id=facts.item.id, due_ms=due_ms, attempt=facts.item.attempt + 1))
    record_failure(changes, facts, kind, error, step_id=step_id, next_attempt_ms=due_ms)
    return due_ms


def call_failed(changes: Changes, facts: CallFacts, failed: Failed) -> None:
    """The whole call failed: the function raised, or the app could not be reached or understood."""
    target = facts.steps.get(facts.item.step_id) if facts.item.step_id else None
    step_id = target.ref.id if target else None
    if failed.is_retriable and facts.has_attempts_left:
        due_ms = retry_item(
            changes,
            facts,
            kind=HistoryKind.CALL_FAILED,
            error=failed.error,
            retry_after_ms=failed.retry_after_ms,
            step_id=step_id,
        )
        if target:
            waiting = failing_step(target, facts, failed.error, due_ms=due_ms)
            changes.steps.append(StepWrite(run_id=facts.run.id, step=waiting))
        return
    record_failure(
        changes, facts, HistoryKind.CALL_FAILED, failed.error, step_id=step_id, next_attempt_ms=None
    )
    if target:
        ended = failing_step(target, facts, failed.error, due_ms=None)
        memo = to_json({"error": failed.error})
        end_step(
            changes,
            facts.run.id,
            replace(ended, status=StepStatus.FAILED, memo=memo),
            now_ms=facts.now_ms,
        )
    finish.fail(changes, facts, failed.error, body=failed.body, is_retriable=failed.is_retriable)


def failing_step(step: Step, facts: CallFacts, error: JSONObject, *, due_ms: int | None) -> Step:
    """Return the step as it stands after a failed attempt: waiting for the next one."""
    return replace(
        step,
        status=StepStatus.WAITING,
        attempts=step.attempts + 1,
        error=to_json(error),
        due_ms=due_ms,
        started_ms=step.started_ms or facts.began_ms(None),
    )


def record_failure(
    changes: Changes,
    facts: CallFacts,
    kind: HistoryKind,
    error: JSONObject,
    *,
    step_id: str | None,
    next_attempt_ms: int | None,
) -> None:
    """Record that an attempt failed, and when the next one is due, if there is one."""
    detail: JSONObject = {"error": error}
    if next_attempt_ms is not None:
        detail["next_attempt_ms"] = next_attempt_ms
    changes.history.append(
        HistoryEntry(
            run_id=facts.run.id,
            at_ms=facts.now_ms,
            kind=kind,
            step_id=step_id,
            attempt=facts.item.attempt,
            detail=detail,
        )
    )
