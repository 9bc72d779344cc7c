"""The operations of the REST API v1, and of the state of runs below `/v0`."""

from __future__ import annotations

from typing import Final

from durable_engine.http_api.openapi.operation import CURSOR, Answer, Operation, limit, moment, word
from durable_engine.http_api.openapi.schemas import in_v1
from durable_engine.http_api.openapi.shapes import (
    ANY,
    DATE,
    OBJECT,
    list_of,
    name,
    ref,
    text,
    thing,
)

_NO_RUN: Final = {404: "no such run"}
_NO_EVENT: Final = {404: "no such event"}
_CANCELLATION: Final = thing(
    {"app_id": name(), "function_id": name(), "started_before": DATE},
    optional={"started_after": DATE, "if": text("an expression over the event")},
)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/events",
        summary="Events, newest first",
        tag="Events",
        parameters=(
            word("name", "only events of this name"),
            moment("received_after", "only events that came later"),
            moment("received_before", "only events that came earlier"),
            limit(51, 20),
            CURSOR,
        ),
        answers={200: Answer("a page of events", in_v1(list_of(ref("EventV1"))))},
    ),
    Operation(
        method="GET",
        path="/v1/events/{event_id}",
        summary="One event",
        tag="Events",
        answers={200: Answer("the event", in_v1(ref("EventV1")))},
        refusals=_NO_EVENT,
    ),
    Operation(
        method="GET",
        path="/v1/events/{event_id}/runs",
        summary="The runs that an event started",
        tag="Runs",
        answers={200: Answer("up to 1,000 runs, the first one first", in_v1(list_of(ref("RunV1"))))},
        refusals=_NO_EVENT,
    ),
    Operation(
        method="GET",
        path="/v1/events/{event_id}/decisions",
        summary="Why functions that listen to an event were not started at once",
        tag="Events",
        answers={200: Answer("one decision for each of them", in_v1(list_of(ref("DecisionV1"))))},
        refusals=_NO_EVENT,
    ),
    Operation(
        method="GET",
        path="/v1/runs/{run_id}",
        summary="One run with its output",
        tag="Runs",
        answers={200: Answer("the run", in_v1(ref("RunV1")))},
        refusals=_NO_RUN,
    ),
    Operation(
        method="DELETE",
        path="/v1/runs/{run_id}",
        summary="Cancel a run",
        tag="Runs",
        answers={200: Answer("it is cancelled")},
        refusals=_NO_RUN | {409: "it has ended before"},
    ),
    Operation(
        method="GET",
        path="/v1/runs/{run_id}/jobs",
        summary="The calls and timers of a run that are due now or later",
        tag="Runs",
        answers={200: Answer("the calls and timers", in_v1(list_of(ref("JobV1"))))},
        refusals=_NO_RUN,
    ),
    Operation(
        method="GET",
        path="/v1/apps/{app}/functions",
        summary="The functions of an app, as the SDK sent them",
        tag="Functions",
        answers={200: Answer("the functions", list_of(ref("FunctionV1")))},
        refusals={404: "no such app"},
    ),
    Operation(
        method="POST",
        path="/v1/cancellations",
        summary="Cancel the open runs of a function that began in a span of time",
        tag="Runs",
        body=_CANCELLATION,
        body_is_required=True,
        answers={
            200: Answer(
                "what was cancelled; the same fields stand under `data`",
                {"allOf": [ref("CancellationV1"), in_v1(ref("CancellationV1"))]},
            )
        },
        refusals={404: "no such function"},
    ),
    Operation(
        method="GET",
        path="/v1/cancellations",
        summary="The last 50 cancellations",
        tag="Runs",
        answers={200: Answer("the cancellations, newest first", in_v1(list_of(ref("CancellationV1"))))},
    ),
    Operation(
        method="DELETE",
        path="/v1/cancellations/{cancellation_id}",
        summary="Always refused: a cancellation is carried out before it is answered",
        tag="Runs",
        answers={},
        refusals={404: "no such cancellation", 409: "it has been carried out"},
    ),
    Operation(
        method="POST",
        path="/v1/signals",
        summary="Wake the step that waits for a signal",
        tag="Events",
        body=thing({"signal": name()}, optional={"data": ANY}),
        body_is_required=True,
        answers={200: Answer("the run goes on", in_v1(thing({"run_id": text()})))},
        refusals={404: "nobody waits for it"},
    ),
    Operation(
        method="GET",
        path="/v1/prom/{env}",
        summary="Metrics, which are not kept",
        tag="Not there",
        answers={},
        refusals={501: "not implemented"},
    ),
    Operation(
        method="GET",
        path="/v0/runs/{run_id}/batch",
        summary="The events of a run that were too large for its call",
        tag="SDKs",
        answers={200: Answer("the events", list_of(OBJECT))},
        refusals=_NO_RUN | {410: "the run has ended"},
    ),
    Operation(
        method="GET",
        path="/v0/runs/{run_id}/actions",
        summary="The results of the steps of a run, by hashed id",
        tag="SDKs",
        answers={200: Answer("the results", OBJECT)},
        refusals=_NO_RUN | {410: "the run has ended"},
    ),
    Operation(
        method="DELETE",
        path="/v0/runs/{run_id}",
        summary="Cancel a run",
        tag="SDKs",
        answers={204: Answer("it is cancelled")},
        refusals=_NO_RUN | {409: "it has ended before"},
    ),
)
