"""`/openapi.json`: the HTTP API described for programs, such as generators of clients."""

from __future__ import annotations

from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.model.json_value import to_json


def routes(_: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def describe(_: Request) -> Response:
        return Response(_written(), media_type="application/json")

    return [Route("/openapi.json", describe, methods=["GET"])]


@cache
def _written() -> bytes:
    from durable_engine.http_api.openapi.document import document  # noqa: PLC0415 - few ask for it

    return to_json(document()).encode()
