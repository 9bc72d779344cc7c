"""`/v1/cancellations`: cancel many runs of a function at once.

A cancellation is carried out before it is answered; the last ones are remembered until the engine stops.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.errors import ConflictError, NotFoundError
from durable_engine.http_api.fields import MISSING, FieldError, moment_of, read_object, text_of
from durable_engine.http_api.times import rfc3339
from durable_engine.http_api.v1.envelope import ENVIRONMENT_ID, answer
from durable_engine.ids import new_ulid
from durable_engine.model.json_value import JSONObject, is_storable

_REMEMBERED: Final = 50


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""
    done: OrderedDict[str, JSONObject] = OrderedDict()

    async def create(request: Request) -> Response:
        cancellation = await _carry_out(engine, await read_object(request))
        done[cancellation["id"]] = cancellation
        while len(done) > _REMEMBERED:
            done.popitem(last=False)
        # Documented without the envelope that all other answers have: both readers are served.
        return answer(engine, cancellation, more=cancellation)

    async def list_them(_: Request) -> Response:
        return answer(engine, list(reversed(done.values())))

    async def delete(request: Request) -> Response:
        cancellation_id = request.path_params["cancellation_id"]
        if cancellation_id not in done:
            raise NotFoundError(
                f"No cancellation {cancellation_id[:100]!r}.",
                hint=f"The last {_REMEMBERED} are listed at GET /v1/cancellations.",
            )
        count = done[cancellation_id]["cancelled_count"]
        raise ConflictError(
            f"Cancellation {cancellation_id} has been carried out: {count} runs were cancelled, and no more "
            "will be.",
            hint="A cancelled run can be run again: POST /v2/runs/{id}/rerun.",
        )

    return [
        Route("/v1/cancellations", create, methods=["POST"]),
        Route("/v1/cancellations", list_them, methods=["GET"]),
        Route("/v1/cancellations/{cancellation_id}", delete, methods=["DELETE"]),
    ]


async def _carry_out(engine: Engine, body: JSONObject) -> JSONObject:
    app_id, function_id = text_of(body, "app_id"), text_of(body, "function_id") or ""
    after_ms = moment_of(body, "started_after")
    before_ms = moment_of(body, "started_before")
    expression = body.get("if") or None
    now_ms = engine.records.now_ms()
    if before_ms is None:
        raise FieldError("`started_before` is missing: an RFC 3339 date in the past.", code=MISSING)
    if before_ms > now_ms:
        raise FieldError(f"`started_before` must be in the past; it is {rfc3339(now_ms)} now.")
    if after_ms is not None and after_ms >= before_ms:
        raise FieldError("`started_after` must be before `started_before`.")
    if expression is not None and not (isinstance(expression, str) and is_storable(expression)):
        raise FieldError("`if` must be an expression, as text.")
    function = engine.records.function(function_id, app=app_id)
    run_ids = await engine.control.cancel_many(
        function.id, started_after_ms=after_ms, started_before_ms=before_ms, expression=expression
    )
    cancellation: JSONObject = {
        "id": new_ulid(now_ms),
        "environment_id": ENVIRONMENT_ID,
        "app_id": app_id,
        "function_id": function_id,
        "function_internal_id": function.id,
        "started_before": body["started_before"],
        "cancelled_count": len(run_ids),
        "run_ids": run_ids[:_REMEMBERED],
    }
    if after_ms is not None:
        cancellation["started_after"] = body["started_after"]
    if expression is not None:
        cancellation["if"] = expression
    return cancellation
