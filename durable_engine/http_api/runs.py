"""`/v0/runs/...`: state that was too large for a call request, fetched by the SDK (`use_api`)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.model.json_value import to_json


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def get_batch(request: Request) -> Response:
        state = await engine.run_state(request.path_params["run_id"])
        if state is None:
            return _unknown(request)
        return Response(f"[{state[0]}]", media_type="application/json")

    async def get_actions(request: Request) -> Response:
        state = await engine.run_state(request.path_params["run_id"])
        if state is None:
            return _unknown(request)
        memos = ",".join(f"{to_json(step_id)}:{memo}" for step_id, memo in state[1].items())
        return Response(f"{{{memos}}}", media_type="application/json")

    return [
        Route("/v0/runs/{run_id}/batch", get_batch, methods=["GET"]),
        Route("/v0/runs/{run_id}/actions", get_actions, methods=["GET"]),
    ]


def _unknown(request: Request) -> Response:
    error = f"No run {request.path_params['run_id']!r}."
    return JSONResponse({"error": error, "data": None, "status": 404}, status_code=404)
