"""`POST /e/{key}`: take events. Source: the Inngest event API as the SDKs use it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.errors import InvalidEventError, InvalidInputError
from durable_engine.http_api.bodies import read_json
from durable_engine.intake import read_event
from durable_engine.model.event import NewEvent
from durable_engine.model.json_value import JSONValue

SEED_HEADER = "x-inngest-event-id-seed"


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def post_events(request: Request) -> Response:
        try:
            body = await read_json(request)
            entries = body if isinstance(body, list) else [] if body is None else [body]
            events = [_read(entry, place, len(entries)) for place, entry in enumerate(entries, start=1)]
            receipts = await engine.send_events(events, seed=request.headers.get(SEED_HEADER))
        except HTTPException as fault:
            return _refusal(fault.status_code, fault.detail)
        except InvalidInputError as fault:
            return _refusal(400, str(fault))
        ids = [receipt.event.id for receipt in receipts]
        return JSONResponse({"ids": ids, "status": 200})

    async def post_invoke(request: Request) -> Response:
        body = await read_json(request)
        event = read_event({**(body if isinstance(body, dict) else {}), "name": "invoke"})
        receipt = await _invoke(engine, request.path_params["slug"], event)
        return JSONResponse({"id": receipt, "status": 200})

    return [
        Route("/e/{key}", post_events, methods=["POST"]),
        Route("/invoke/{slug}", post_invoke, methods=["POST"]),
    ]


def _read(entry: JSONValue, place: int, count: int) -> NewEvent:
    try:
        return read_event(entry)
    except InvalidEventError as fault:
        if count == 1:
            raise
        raise InvalidEventError(f"{fault} (event {place} of {count}; none of them was accepted)") from None


async def _invoke(engine: Engine, slug: str, event: NewEvent) -> str:
    receipt = await engine.invoke_function(slug, data=event.data, user=event.user)
    return receipt.event.id


def _refusal(status: int, error: str) -> Response:
    # The TypeScript SDK reads `status` from the body, the Python SDK reads `error`.
    return JSONResponse({"ids": [], "status": status, "error": error}, status_code=status)
