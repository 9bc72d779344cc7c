"""The operations of the server itself, and those that no Inngest server has."""

from __future__ import annotations

from typing import Final

from durable_engine.http_api.openapi.operation import Answer, Operation
from durable_engine.http_api.openapi.shapes import BOOLEAN, OBJECT, list_of, ref, text, thing

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/invoke/{slug}",
        summary="Start a function by its whole id",
        tag="Functions",
        body=thing({}, optional={"data": OBJECT, "user": OBJECT}),
        answers={200: Answer("the event that starts it", thing({"id": text(), "status": {"const": 200}}))},
        refusals={404: "no such function"},
    ),
    Operation(
        method="POST",
        path="/stepcue/v1/test",
        summary="Carry out a test and answer with its verdict",
        tag="Tests",
        body=ref("Test"),
        body_is_required=True,
        answers={200: Answer("the verdict, whether it passed or not", ref("Verdict"))},
        refusals={404: "no such function or step", 409: "its runs cannot be awaited now"},
    ),
    Operation(
        method="POST",
        path="/stepcue/v1/time/advance",
        summary="Move the time of the engine",
        tag="Tests",
        body={
            "oneOf": [
                {**thing({"by": text("a duration, such as 3d")}), "additionalProperties": False},
                {**thing({"to": text("an RFC 3339 date")}), "additionalProperties": False},
            ]
        },
        body_is_required=True,
        answers={200: Answer("where it stands now", ref("Advanced"))},
        refusals={409: "it is being moved already"},
    ),
    Operation(
        method="GET",
        path="/health",
        summary="Is it up?",
        tag="Server",
        answers={200: Answer("it is", thing({"status": {"const": 200}, "message": text()}))},
    ),
    Operation(
        method="GET",
        path="/dev",
        summary="What it is, and which functions it knows",
        tag="Server",
        answers={
            200: Answer(
                "the server",
                thing(
                    {
                        "server": text(),
                        "version": text(),
                        "authed": {**BOOLEAN, "description": "whether it has a signing key"},
                        "functions": list_of(thing({"id": text(), "name": text()})),
                        "isSingleNodeService": BOOLEAN,
                    }
                ),
            )
        },
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        summary="This description",
        tag="Server",
        answers={200: Answer("an OpenAPI 3.1 document", OBJECT)},
    ),
)
