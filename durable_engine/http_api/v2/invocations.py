"""`POST /v2/apps/{app}/functions/{function}/invoke`: start a function directly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.fields import FieldError, read_object, text_of
from durable_engine.http_api.v2.envelope import answer, both, refuse
from durable_engine.http_api.v2.functions import function_of
from durable_engine.model.decision import Control, Drop

_CODES: Final[Mapping[str, str]] = {
    Control.RATE_LIMIT.value: "rate_limited",
    Control.IDEMPOTENCY.value: "rate_limited",
    Control.DEBOUNCE.value: "function_debounced",
}


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def invoke(request: Request) -> Response:
        function = function_of(engine, request)
        body = await read_object(request)
        data, user = body.get("data"), body.get("user")
        for field, value in (("data", data), ("user", user)):
            if value is not None and not isinstance(value, dict):
                raise FieldError(f"`{field}` must be an object.")
        key = text_of(body, "idempotencyKey", is_required=False)
        receipt = await engine.invoke_function(function.id, data=data, user=user, key=key)
        if not receipt.started:
            (missed,) = receipt.not_started
            code = _CODES.get(missed.control or "", "function_skipped")
            verb = "was not started" if missed.decision == Drop.kind else "does not start at once"
            return refuse(422, code, f"The function {verb}: {missed.reason}.")
        run = receipt.started[0]
        if run.existed:
            message = f"`idempotencyKey` {key!r} started run {run.run_id} less than 24 h ago."
            return refuse(409, "idempotency_key_used", message, data={"runId": run.run_id})
        return answer(engine, {"runId": run.run_id})

    return both("/apps/{app}/functions/{function}/invoke", invoke, "POST")
