"""Uses of doubles in the history of a run: how they are written down, and read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from durable_engine.model.double import Delivery, Double, DoubleUse, Fault, Outcome, word_for
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONValue, to_json
from durable_engine.model.op import RunReturned, StepErrored, StepRan
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.model.status import StepKind
from durable_engine.redaction import redacted_url

_MOST_INPUT: Final = 8_000
_MOST_TEXT: Final = 1_000
_OUTCOMES: Final = frozenset({HistoryKind.STEP_COMPLETED, HistoryKind.STEP_ERRORED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A double at work. `step_id` is None for the function's own call, `asked` what the step was to do.

    `deliveries` are the answers of the app, counted or not; `committed` is the reply that counts.
    """

    double: Double
    outcome: Outcome
    run_id: str
    step_id: str | None
    attempt: int = 0
    asked: JSONValue = None
    deliveries: Sequence[Reply] = ()
    committed: Reply | None = None


def use_entry(use: Use, *, now_ms: int) -> HistoryEntry:
    """Return the record of a use."""
    double, outcome, step_id = use.double, use.outcome, use.step_id
    return HistoryEntry(
        run_id=use.run_id,
        at_ms=now_ms,
        kind=HistoryKind.DOUBLED,
        step_id=step_id,
        attempt=use.attempt,
        detail={
            "double": double.id,
            "standing": double.scope is None,
            "does": word_for(outcome),
            "fault": isinstance(outcome, Fault),
            "input": _bounded(use.asked),
            "bodies": sum(_did_work(reply, step_id) for reply in use.deliveries),
            "counted": int(use.committed is not None and _did_work(use.committed, step_id)),
            "deliveries": [_delivery(reply, step_id) for reply in use.deliveries],
        },
    )


def late_entry(use: HistoryEntry, committed: Reply, *, now_ms: int) -> HistoryEntry:
    """Return the record that a slow reply has come, so that its work is not counted twice."""
    detail = {"late": True, "counted": int(_did_work(committed, use.step_id))}
    return HistoryEntry(
        run_id=use.run_id, at_ms=now_ms, kind=HistoryKind.DOUBLED, step_id=use.step_id, detail=detail
    )


def uses_in(history: Sequence[HistoryEntry]) -> tuple[DoubleUse, ...]:
    """Return the uses in a run's history, in order."""
    return tuple(
        DoubleUse(
            double_id=entry.detail["double"],
            outcome=entry.detail["does"],
            at_ms=entry.at_ms,
            attempt=entry.attempt or 0,
            step_id=entry.step_id,
            is_standing=entry.detail["standing"],
            is_fault=entry.detail["fault"],
            input=entry.detail["input"],
            bodies=entry.detail["bodies"],
            deliveries=tuple(
                Delivery(outcome=outcome, text=text) for outcome, text in entry.detail["deliveries"]
            ),
        )
        for entry in history
        if entry.kind is HistoryKind.DOUBLED and "late" not in entry.detail
    )


def body_counts(history: Sequence[HistoryEntry]) -> Counter[str | None]:
    """Return how often the work of each step was done, by step id, as far as answers tell.

    Each outcome in the history is one time, unless a double made it up; and a double knows of work whose
    outcome never counted.
    """
    counts: Counter[str | None] = Counter()
    for entry in history:
        if entry.kind in _OUTCOMES:
            counts[entry.step_id] += 1
        elif entry.kind is HistoryKind.DOUBLED:
            counts[entry.step_id] += entry.detail.get("bodies", 0) - entry.detail["counted"]
    return counts


def _did_work(reply: Reply, step_id: str | None) -> bool:
    """Whether the reply tells that the work was done: of the step, or of the function's own code."""
    if step_id is None:
        return not isinstance(reply, Failed)
    return isinstance(reply, Ops) and any(
        isinstance(op, StepRan | StepErrored) and op.step.id == step_id for op in reply.ops
    )


def _delivery(reply: Reply, step_id: str | None) -> tuple[str, str]:
    match reply:
        case Failed():
            return "failed", _text(reply.error)
        case Returned():
            return "returned", _text(reply.data)
    for op in reply.ops:
        if isinstance(op, RunReturned):
            return "returned", _text(op.data)
        if isinstance(op, StepRan) and step_id in {None, op.step.id}:
            return "ran", _text(_shown(op))
        if isinstance(op, StepErrored) and step_id in {None, op.step.id}:
            return "errored", _text(op.error)
    return "planned", _text([op.step.name for op in reply.ops if not isinstance(op, RunReturned)])


def _shown(op: StepRan) -> JSONValue:
    if op.kind is StepKind.FETCH and isinstance(op.data, dict) and isinstance(op.data.get("url"), str):
        return {**op.data, "url": redacted_url(op.data["url"])}
    return op.data


def _text(value: JSONValue) -> str:
    text = to_json(value)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def _bounded(value: JSONValue) -> JSONValue:
    """Return what a step was asked to do, or the beginning of its JSON text if it is long."""
    text = to_json(value)
    return value if len(text) <= _MOST_INPUT else {"truncated": text[:_MOST_INPUT]}
