"""The operations of the REST API v2; each is served below `/api/v2` too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from durable_engine.http_api.openapi.operation import (
    CURSOR,
    Answer,
    Operation,
    Parameter,
    flag,
    limit,
    moment,
    word,
)
from durable_engine.http_api.openapi.schemas import in_v2, page_of
from durable_engine.http_api.openapi.sdk_routes import SEED
from durable_engine.http_api.openapi.shapes import (
    ANY,
    BOOLEAN,
    OBJECT,
    list_of,
    name,
    one_of,
    ref,
    text,
    thing,
    whole,
)
from durable_engine.model.json_value import JSONObject
from durable_engine.model.status import RunStatus

_NO_RUN: Final = {404: "no such run"}
_NO_APP: Final = {404: "no such app"}
_NO_FUNCTION: Final = {404: "no such app or function"}
_FUNCTION: Final = "/v2/apps/{app}/functions/{function}"
_WITH_OUTPUT: Final = flag("includeOutput", "with outputs")
_LISTED: Final = (
    Parameter("status", list_of(one_of(*RunStatus)), "only runs in these statuses"),
    Parameter(
        "timeField",
        one_of("queuedAt", "startedAt", "endedAt"),
        "what `from`, `until` and the order mean; queuedAt by default",
    ),
    moment("from", "only runs that were not earlier"),
    moment("until", "only runs that were earlier"),
    Parameter("order", one_of("asc", "desc"), "newest first by default"),
    _WITH_OUTPUT,
    limit(100, 20),
    CURSOR,
)
_OF_ALL: Final = (
    word("appId", "only runs of this app"),
    word("functionId", "only runs of this function"),
    flag("isDeferred", "only runs of a kind that is never started here"),
    *_LISTED,
)
_BY_NAME: Final = (limit(100, 100), CURSOR)
_EVENT: Final = thing(
    {"name": name(most=256)},
    optional={
        "data": OBJECT,
        "user": OBJECT,
        "id": text(maxLength=512),
        "v": text(maxLength=512),
        "ts": whole("milliseconds since 1970", minimum=315_532_800_000, maximum=4_102_444_800_000),
    },
)
_RERUN: Final = thing(
    {},
    optional={
        "fromStep": thing(
            {"stepId": name("the id as in the code, or the hash")},
            optional={"input": list_of(ANY, description="arguments of the step instead of its own")},
        )
    },
)


def _get(
    path: str, summary: str, tag: str, shape: JSONObject, *, missing: Mapping[int, str] | None = None
) -> Operation:
    return Operation(
        method="GET",
        path=path,
        summary=summary,
        tag=tag,
        answers={200: Answer("it", in_v2(shape))},
        refusals=missing or {},
    )


def _page(
    path: str,
    summary: str,
    tag: str,
    entry: JSONObject,
    *,
    parameters: tuple[Parameter, ...] = (limit(100, 20), CURSOR),
    missing: Mapping[int, str] | None = None,
) -> Operation:
    return Operation(
        method="GET",
        path=path,
        summary=summary,
        tag=tag,
        parameters=parameters,
        answers={200: Answer("a page", page_of(entry))},
        refusals=missing or {},
    )


OPERATIONS: Final = (
    _page("/v2/runs", "Runs, newest first", "Runs", ref("Run"), parameters=_OF_ALL, missing=_NO_FUNCTION),
    Operation(
        method="GET",
        path="/v2/runs/{run_id}",
        summary="One run",
        tag="Runs",
        parameters=(_WITH_OUTPUT,),
        answers={200: Answer("the run", in_v2(ref("Run")))},
        refusals=_NO_RUN,
    ),
    Operation(
        method="GET",
        path="/v2/runs/{run_id}/trace",
        summary="A run and its steps as spans",
        tag="Runs",
        parameters=(flag("includeOutput", "with inputs, outputs and errors"),),
        answers={200: Answer("the trace", in_v2(thing({"runId": text(), "rootSpan": ref("Span")})))},
        refusals=_NO_RUN,
    ),
    Operation(
        method="POST",
        path="/v2/runs/{run_id}/cancel",
        summary="Cancel a run",
        tag="Runs",
        answers={200: Answer("the cancelled run", in_v2(ref("Run")))},
        refusals=_NO_RUN | {409: "it has ended before"},
    ),
    Operation(
        method="POST",
        path="/v2/runs/{run_id}/rerun",
        summary="Run again, perhaps from one of its steps",
        tag="Runs",
        body=_RERUN,
        answers={200: Answer("the new run", in_v2(ref("RunStarted")))},
        refusals=_NO_RUN,
    ),
    Operation(
        method="POST",
        path="/v2/events",
        summary="Send one event",
        tag="Events",
        parameters=(SEED,),
        body=_EVENT,
        body_is_required=True,
        answers={200: Answer("it is stored", in_v2(thing({"eventId": text()})))},
    ),
    _page(
        "/v2/events/{event_id}/runs",
        "The runs that an event started",
        "Runs",
        ref("Run"),
        parameters=(_WITH_OUTPUT, limit(40, 20), CURSOR),
        missing={404: "no such event"},
    ),
    _page("/v2/apps", "The synced apps", "Apps", ref("App"), parameters=_BY_NAME),
    _get("/v2/apps/{app}", "One app", "Apps", ref("App"), missing=_NO_APP),
    Operation(
        method="POST",
        path="/v2/apps/{app}/syncs",
        summary="Ask an app for its functions now; with a `url` a new one",
        tag="Apps",
        body=thing({}, optional={"url": text("address of the serve endpoint", format="uri", maxLength=512)}),
        answers={200: Answer("the app", in_v2(ref("App")))},
        refusals=_NO_APP | {502: "the app did not answer as an app"},
    ),
    _page(
        "/v2/apps/{app}/functions",
        "The functions of an app",
        "Functions",
        ref("Function"),
        parameters=_BY_NAME,
        missing=_NO_APP,
    ),
    _get(_FUNCTION, "One function", "Functions", ref("Function"), missing=_NO_FUNCTION),
    _page(
        f"{_FUNCTION}/runs",
        "The runs of a function",
        "Runs",
        ref("Run"),
        parameters=_LISTED,
        missing=_NO_FUNCTION,
    ),
    Operation(
        method="POST",
        path=f"{_FUNCTION}/invoke",
        summary="Start a function",
        tag="Functions",
        body=thing({}, optional={"data": OBJECT, "user": OBJECT, "idempotencyKey": name()}),
        answers={200: Answer("the run", in_v2(ref("RunStarted")))},
        refusals=_NO_FUNCTION
        | {409: "this `idempotencyKey` has started a run", 422: "flow control keeps it from starting"},
    ),
    Operation(
        method="POST",
        path=f"{_FUNCTION}/pause",
        summary="Pause a function",
        tag="Functions",
        body=thing({}, optional={"cancelRuns": BOOLEAN}),
        answers={200: Answer("the paused function", in_v2(ref("Function")))},
        refusals=_NO_FUNCTION,
    ),
    Operation(
        method="POST",
        path=f"{_FUNCTION}/resume",
        summary="End the pause of a function",
        tag="Functions",
        answers={200: Answer("the function", in_v2(ref("Function")))},
        refusals=_NO_FUNCTION,
    ),
    _get("/v2/health", "Is it up?", "Server", thing({"status": one_of("ok")})),
    _get("/v2/account", "The one account", "Server", thing({"id": text(), "name": text()})),
    _page(
        "/v2/envs",
        "The one environment",
        "Server",
        thing({"id": text(), "name": text(), "isArchived": BOOLEAN}),
        parameters=(limit(100, 20),),
    ),
    _page("/v2/keys/events", "No keys are listed", "Server", OBJECT, parameters=(limit(100, 20),)),
    _page("/v2/keys/signing", "No keys are listed", "Server", OBJECT, parameters=(limit(100, 20),)),
)
