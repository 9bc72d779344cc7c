"""The named schemas of answers; a field that stands under `optional` is left out when it has no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durable_engine.http_api.openapi.shapes import (
    ANY,
    BOOLEAN,
    DATE,
    OBJECT,
    list_of,
    maybe,
    one_of,
    ref,
    text,
    thing,
    whole,
)
from durable_engine.model.decision import Control
from durable_engine.model.json_value import JSONObject
from durable_engine.model.queue_item import ItemKind
from durable_engine.model.records import SpanStatus
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.scenarios.document import ScenarioDocument

_STATUS = {"status": whole("the HTTP status")}
_SENTENCE = {"error": text("what was wrong, as a sentence")}
_HELP = {
    "hint": text("what to do"),
    "nearest": list_of(text(), description="what was meant perhaps"),
    "code": text("a name of the refusal, where it has one"),
}
_V1_TIMES = thing({"fetched_at": DATE}, optional={"cached_until": DATE})
_V2_TIMES = thing({"fetchedAt": DATE})
_PAGE = thing(
    {"hasMore": BOOLEAN, "limit": whole()}, optional={"cursor": text("the `cursor` of the next request")}
)
_DURATION = text("milliseconds", pattern="^[0-9]+$")

_ERRORS: Final[Mapping[str, JSONObject]] = {
    "Error": thing(_SENTENCE | _STATUS, optional=_HELP, about="A refusal."),
    "ErrorV1": thing(
        _SENTENCE | _STATUS, optional={"data": {"type": "null"}} | _HELP, about="A refusal of API v1."
    ),
    "ErrorV2": thing(
        {"errors": list_of(thing({"code": text(), "message": text()}, optional=_HELP), minItems=1)},
        optional={"data": OBJECT},
        about="A refusal of API v2.",
    ),
    "Refusal": thing(_SENTENCE | _STATUS | {"hint": text(), "code": text()}, about="Not served at all."),
    "EventsRefused": thing({"ids": list_of(text(), maxItems=0)} | _STATUS | _SENTENCE),
}

_V1: Final[Mapping[str, JSONObject]] = {
    "RunV1": thing(
        {
            "run_id": text(),
            "run_started_at": DATE,
            "function_id": text(),
            "function_version": whole(),
            "environment_id": text(),
            "event_id": text(),
            "status": one_of("Scheduled", "Running", "Completed", "Failed", "Cancelled"),
            "ended_at": maybe(DATE),
            "output": ANY,
        },
        optional={"original_run_id": text(), "cron": text()},
    ),
    "JobV1": thing(
        {
            "id": text(),
            "run_id": text(),
            "step_id": maybe(text()),
            "kind": one_of(*ItemKind),
            "attempt": whole(),
            "at": DATE,
        }
    ),
    "EventV1": thing(
        {
            "internal_id": text("names the event in paths"),
            "account_id": text(),
            "environment_id": text(),
            "source": text(),
            "source_id": maybe(text()),
            "received_at": DATE,
            "id": text("the sender's id, where there is one"),
            "name": text(),
            "data": OBJECT,
            "ts": whole("milliseconds since 1970"),
        },
        optional={"user": OBJECT, "v": text()},
    ),
    "DecisionV1": thing(
        {
            "function": text(),
            "decision": one_of("drop", "delay", "merge"),
            "control": maybe(one_of(*Control)),
            "reason": text(),
            "until": maybe(DATE),
            "run_id": maybe(text()),
        }
    ),
    "FunctionV1": thing(
        {
            "internal_id": text(),
            "env_id": text(),
            "app_id": text(),
            "id": text(),
            "name": text(),
            "config": OBJECT,
            "created_at": maybe(DATE),
            "archived_at": maybe(DATE),
        }
    ),
    "CancellationV1": thing(
        {
            "id": text(),
            "environment_id": text(),
            "app_id": text(),
            "function_id": text(),
            "function_internal_id": text(),
            "started_before": text(),
            "cancelled_count": whole(),
            "run_ids": list_of(text(), maxItems=50),
        },
        optional={"started_after": text(), "if": text()},
    ),
}

_V2: Final[Mapping[str, JSONObject]] = {
    "Run": thing(
        {
            "id": text(),
            "app": thing({"id": text()}),
            "function": thing({"id": text(), "name": text()}),
            "status": one_of(*RunStatus),
            "queuedAt": DATE,
            "trigger": thing(
                {"isBatch": BOOLEAN},
                optional={"eventIds": list_of(text()), "eventName": text(), "cronSchedule": text()},
            ),
        },
        optional={
            "startedAt": DATE,
            "endedAt": DATE,
            "durationMs": _DURATION,
            "originalRunId": text(),
            "output": OBJECT,
        },
    ),
    "Span": thing(
        {"id": text(), "name": text(), "status": one_of(*SpanStatus), "queuedAt": DATE},
        optional={
            "stepOp": one_of(*(kind for kind in StepKind if kind not in {StepKind.FETCH, StepKind.AI})),
            "stepId": text(),
            "durationMs": _DURATION,
            "startedAt": DATE,
            "endedAt": DATE,
            "childRunIds": list_of(text()),
            "input": OBJECT,
            "output": OBJECT,
            "children": list_of(ref("Span")),
        },
    ),
    "App": thing(
        {
            "id": text(),
            "name": text(),
            "method": one_of("SERVE"),
            "functionCount": whole(),
            "latestSync": thing(
                {"status": one_of("success", "error")},
                optional={
                    "framework": text(),
                    "sdkLanguage": text(),
                    "sdkVersion": text(),
                    "url": text(),
                    "error": text(),
                    "syncedAt": DATE,
                },
            ),
        }
    ),
    "Function": thing(
        {
            "id": text("without the id of its app"),
            "slug": text(),
            "isPaused": BOOLEAN,
            "isArchived": BOOLEAN,
            "app": thing({"id": text()}),
            "configuration": OBJECT,
        },
        optional={
            "name": text(),
            "pausedAt": DATE,
            "triggers": list_of(
                thing({"type": one_of("CRON", "EVENT")}, optional={"value": text(), "if": text()})
            ),
        },
    ),
    "RunStarted": thing({"runId": text()}),
}

_VERDICT_STEP = thing(
    {
        "step": text(),
        "kind": one_of(*StepKind),
        "status": one_of(*StepStatus),
        "attempts": whole(),
        "output": ANY,
        "error": ANY,
        "timedOut": maybe(BOOLEAN),
        "double": maybe(text()),
    }
)
_CHECK = thing({"check": text(), "passed": BOOLEAN, "expected": ANY, "actual": ANY, "difference": ANY})
_OWN: Final[Mapping[str, JSONObject]] = {
    "Verdict": thing(
        {
            "passed": BOOLEAN,
            "failure": maybe(text("what failed, for people")),
            "checks": list_of(_CHECK),
            "eventId": maybe(text()),
            "otherRunIds": list_of(text()),
            "atRest": BOOLEAN,
            "notes": list_of(text()),
        },
        optional={
            "runId": text(),
            "functionId": text(),
            "status": one_of(*RunStatus),
            "output": ANY,
            "error": ANY,
            "skippedMs": maybe(whole()),
            "steps": list_of(_VERDICT_STEP),
        },
    ),
    "Advanced": thing(
        {
            "nowMs": whole(),
            "movedMs": whole(),
            "complete": BOOLEAN,
            "happened": whole(),
            "nextDueMs": maybe(whole()),
        }
    ),
}


def schemas() -> dict[str, JSONObject]:
    """Return the named schemas; the body of a test is read by a model, which writes its own."""
    test: dict[str, Any] = ScenarioDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = test.pop("$defs")
    return {**_ERRORS, **_V1, **_V2, **_OWN, **parts, "Test": test}


def in_v1(data: JSONObject, **beside: JSONObject) -> JSONObject:
    """Return the envelope of API v1."""
    return thing({"data": data, "metadata": _V1_TIMES, **beside})


def in_v2(data: JSONObject) -> JSONObject:
    """Return the envelope of API v2."""
    return thing({"data": data, "metadata": _V2_TIMES})


def page_of(entry: JSONObject) -> JSONObject:
    """Return a page of API v2; a list without entries is left out."""
    return thing({"metadata": _V2_TIMES, "page": _PAGE}, optional={"data": list_of(entry)})
