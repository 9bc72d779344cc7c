"""`POST /v1/checkpoint/{run}/async`: steps that an SDK reports while its call goes on.

Source: TypeScript SDK 4 and Go as observed. 409 makes the SDK stop at once; any other refusal makes it try
five times and then report the steps in its answer.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.endpoints import read_object, read_steps
from durable_engine.model.reply import Ops


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def report(request: Request) -> Response:
        body = await read_object(request)
        reply = read_steps(body)
        if isinstance(reply, Ops):
            item_ref = str(body.get("qi_id") or "")
            await engine.control.checkpoint(request.path_params["run_id"], item_ref=item_ref, reply=reply)
        return Response(status_code=200)

    return [Route("/v1/checkpoint/{run_id}/async", report, methods=["POST"])]
