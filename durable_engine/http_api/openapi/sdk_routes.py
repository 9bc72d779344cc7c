"""The operations that SDKs call: events, registration, checkpoints, endpoints, and what is missing."""

from __future__ import annotations

from typing import Final

from durable_engine.http_api.openapi.operation import Answer, Operation, Parameter
from durable_engine.http_api.openapi.shapes import (
    ANY,
    BOOLEAN,
    OBJECT,
    ULID,
    list_of,
    name,
    one_of,
    ref,
    text,
    thing,
    whole,
)
from durable_engine.model.json_value import JSONObject

SEED: Final = Parameter(
    "x-inngest-event-id-seed", text(maxLength=512), "makes ids of events repeatable", place="header"
)
_SERVER_KIND: Final = Parameter(
    "x-inngest-expected-server-kind", one_of("dev", "cloud"), "the mode of the app", place="header"
)
_SENT: Final = thing(
    {"name": name(most=256)},
    optional={
        "data": {"type": ["object", "null"]},
        "user": {"type": ["object", "null"]},
        "id": {"type": ["string", "null"], "maxLength": 512},
        "v": {"type": ["string", "null"], "maxLength": 512},
        "ts": whole("milliseconds since 1970, 0: now", maximum=4_102_444_800_000),
    },
)
_APP: Final = thing(
    {"appName": text(), "url": text("address of the serve endpoint")},
    optional={
        "functions": list_of(
            thing(
                {"id": name(most=255), "steps": OBJECT},
                optional={
                    "name": text(),
                    "triggers": list_of(
                        thing({}, optional={"event": text(), "expression": text(), "cron": text()}),
                        maxItems=10,
                    ),
                },
            ),
            maxItems=1_000,
        ),
        "sdk": text(),
        "framework": text(),
    },
)
_OPCODE: Final = thing(
    {"op": text(), "id": name()},
    optional={
        "name": text(),
        "displayName": text(),
        "data": ANY,
        "error": ANY,
        "opts": ANY,
        "userland": thing({"id": text()}, optional={"index": whole()}),
    },
)
_DROPPED: Final = {200: Answer("read to its end and dropped", OBJECT)}
_RESPONSE: Final = Answer("the response of the endpoint, with its own status and headers", None, "*/*")
_NOT_SUPPORTED: Final = "not supported; the answer says what to do instead"


def _missing(method: str, path: str, summary: str, status: int) -> Operation:
    return Operation(
        method=method,
        path=path,
        summary=summary,
        tag="Not there",
        answers={status: Answer(_NOT_SUPPORTED, ref("Error"))},
    )


def _dropped(path: str, summary: str, *parameters: Parameter) -> Operation:
    return Operation(
        method="POST", path=path, summary=summary, tag="Not there", parameters=parameters, answers=_DROPPED
    )


def _endpoint(prefix: str) -> tuple[Operation, ...]:
    """Return the operations of durable endpoints, which have two names."""
    begun: JSONObject = thing(
        {"fn_id": text(), "app_id": text(), "run_id": text(), "token": text(), "realtime_token": text()}
    )
    return (
        Operation(
            method="POST",
            path=prefix,
            summary="Begin a run of a durable endpoint",
            tag="SDKs",
            body=thing(
                {"run_id": ULID, "event": thing({"data": OBJECT})},
                optional={"steps": list_of(_OPCODE), "retries": whole(minimum=0, maximum=20)},
            ),
            body_is_required=True,
            answers={200: Answer("the run", thing({"data": begun}))},
            refusals={409: "it is not answered by its endpoint any more"},
        ),
        Operation(
            method="POST",
            path=f"{prefix}/{{run_id}}/steps",
            summary="Report further steps of a durable endpoint",
            tag="SDKs",
            body=thing({"steps": list_of(_OPCODE)}),
            body_is_required=True,
            answers={200: Answer("they are kept")},
            refusals={409: "the endpoint does not count any more"},
        ),
        Operation(
            method="GET",
            path=f"{prefix}/{{run_id}}/output",
            summary="Wait up to 5 minutes for the response of a durable endpoint",
            tag="SDKs",
            parameters=(Parameter("token", text(), "as the begin of the run answered it"),),
            answers={200: _RESPONSE},
            refusals={
                401: "the token is not that of the run",
                404: "no such run",
                500: "the run has failed",
                504: "it has not ended",
            },
        ),
    )


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/e/{key}",
        summary="Send one event or a list of them; any key will do",
        tag="Events",
        parameters=(SEED,),
        body={"anyOf": [_SENT, list_of(_SENT, maxItems=5_000)]},
        body_is_required=True,
        answers={
            200: Answer("all are stored", thing({"ids": list_of(text()), "status": {"const": 200}})),
            400: Answer("none is stored", ref("EventsRefused")),
            413: Answer("none is stored", ref("EventsRefused")),
        },
    ),
    *(
        Operation(
            method=method,
            path="/fn/register",
            summary="An app says which functions it has",
            tag="SDKs",
            parameters=(_SERVER_KIND,),
            body=_APP,
            body_is_required=True,
            answers={200: Answer("taken", thing({"ok": {"const": True}, "modified": BOOLEAN}))},
        )
        for method in ("POST", "PUT")
    ),
    Operation(
        method="DELETE",
        path="/fn/remove",
        summary="Forget an app",
        tag="Apps",
        parameters=(Parameter("url", text(), "where it is served", is_required=True),),
        answers={200: Answer("forgotten", thing({"ok": {"const": True}}))},
        refusals={404: "no app is synced from there"},
    ),
    Operation(
        method="POST",
        path="/v1/checkpoint/{run_id}/async",
        summary="Report steps while a call goes on",
        tag="SDKs",
        body=thing({"qi_id": name("the call"), "steps": list_of(_OPCODE)}),
        body_is_required=True,
        answers={200: Answer("they are kept")},
        refusals={409: "the call does not count any more: stop"},
    ),
    *_endpoint("/v1/checkpoint"),
    *_endpoint("/v1/http/runs"),
    Operation(
        method="POST",
        path="/v1/realtime/publish/tee",
        summary="The response of a durable endpoint, or a stream of a run",
        tag="SDKs",
        parameters=(Parameter("channel", text(), "id of the run"),),
        answers=_DROPPED,
        refusals={413: "over 32 MiB"},
    ),
    _missing("POST", "/v0/connect/start", "Connect", 403),
    _missing("POST", "/v0/connect/flush", "Connect", 403),
    _missing("POST", "/v1/realtime/token", "Subscribe to Realtime", 501),
    _missing("GET", "/v1/realtime/connect", "Subscribe to Realtime", 501),
    _missing("GET", "/v1/realtime/sse", "Subscribe to Realtime", 501),
    _dropped("/v1/realtime/publish", "Publish with Realtime", Parameter("run_id", text(), "whose it is")),
    _dropped("/v1/runs/{run_id}/metadata", "Metadata of a run"),
    _dropped("/v1/traces/userland", "Traces of user code"),
    _dropped("/dev/traces", "Traces of user code"),
)
