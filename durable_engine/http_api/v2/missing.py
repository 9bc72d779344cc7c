"""Everything else below `/v2`: not implemented, which is what clients of this API expect to be told."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.v2.envelope import PREFIXES, refuse

_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(_: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def not_implemented(request: Request) -> Response:
        return refuse(501, "not_implemented", f"{request.method} {request.url.path} is not implemented.")

    return [Route(f"{prefix}/{{path:path}}", not_implemented, methods=_METHODS) for prefix in PREFIXES]
