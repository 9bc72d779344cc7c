"""Spans in the words of API v2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from durable_engine.http_api.v2.envelope import as_object, compact, date, duration
from durable_engine.model.json_value import JSONObject
from durable_engine.model.records import Span, SpanStatus
from durable_engine.model.status import StepKind

_STEP_OPS: Final[Mapping[StepKind, str]] = {
    StepKind.RUN: "RUN",
    StepKind.SLEEP: "SLEEP",
    StepKind.WAIT_FOR_EVENT: "WAIT_FOR_EVENT",
    StepKind.INVOKE: "INVOKE",
    StepKind.SEND_EVENT: "SEND_EVENT",
    StepKind.WAIT_FOR_SIGNAL: "WAIT_FOR_SIGNAL",
    StepKind.FETCH: "RUN",  # the API has no word of its own for these two
    StepKind.AI: "RUN",
    StepKind.AI_GATEWAY: "AI_GATEWAY",
}


def as_span(span: Span, *, with_output: bool) -> JSONObject:
    """Write a span and everything inside it."""
    begun_ms = span.queued_ms if span.started_ms is None else span.started_ms
    shown = compact(
        {
            "id": span.id,
            "name": span.name,
            "status": span.status.value,
            "stepOp": None if span.kind is None else _STEP_OPS[span.kind],
            "stepId": span.step_id,
            "durationMs": duration(begun_ms, span.ended_ms),
            "queuedAt": date(span.queued_ms),
            "startedAt": date(span.started_ms),
            "endedAt": date(span.ended_ms),
            "childRunIds": list(span.child_run_ids),
        }
    )
    if with_output:
        shown |= _values(span)
    if span.children:
        shown["children"] = [as_span(child, with_output=with_output) for child in span.children]
    return shown


def _values(span: Span) -> JSONObject:
    values: JSONObject = {}
    if span.input is not None:
        values["input"] = as_object(span.input)
    if span.error is not None:
        values["output"] = {"error": span.error}
    elif span.status is SpanStatus.COMPLETED:
        values["output"] = as_object(span.output)
    return values
