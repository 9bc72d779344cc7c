"""`/v2/health`: the server is up."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.v2.envelope import answer, both


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def get_health(_: Request) -> Response:
        return answer(engine, {"status": "ok"})

    return both("/health", get_health)
