"""`/v0/runs/...`: state that was too large for a call request (`use_api`), and cancelling a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.errors import RunAlreadyEndedError, RunNotFoundError
from durable_engine.ids import is_ulid
from durable_engine.model.json_value import to_json


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def get_batch(request: Request) -> Response:
        events, _ = await _state(engine, request)
        return Response(f"[{','.join(events)}]", media_type="application/json")

    async def get_actions(request: Request) -> Response:
        _, memos = await _state(engine, request)
        entries = ",".join(f"{to_json(step_id)}:{memo}" for step_id, memo in memos.items())
        return Response(f"{{{entries}}}", media_type="application/json")

    async def cancel_run(request: Request) -> Response:
        await engine.control.cancel(_run_id(request))
        return Response(status_code=204)

    return [
        Route("/v0/runs/{run_id}/batch", get_batch, methods=["GET"]),
        Route("/v0/runs/{run_id}/actions", get_actions, methods=["GET"]),
        Route("/v0/runs/{run_id}", cancel_run, methods=["DELETE"]),
    ]


async def _state(engine: Engine, request: Request) -> tuple[Sequence[str], Mapping[str, str]]:
    run_id = _run_id(request)
    try:
        state = await engine.records.state(run_id)
    except RunAlreadyEndedError as fault:
        raise HTTPException(410, str(fault)) from None
    if state is None:
        raise RunNotFoundError(f"No run {run_id!r}.")
    return state


def _run_id(request: Request) -> str:
    run_id = str(request.path_params["run_id"])
    if not is_ulid(run_id):
        raise HTTPException(400, "The run ID specified is invalid")
    return run_id
