"""`/v1/prom/{env}`: metrics, which this engine does not keep."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine


def routes(_: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def get_metrics(_: Request) -> Response:
        raise HTTPException(501, "Metrics are not implemented.")

    return [Route("/v1/prom/{env}", get_metrics, methods=["GET"])]
