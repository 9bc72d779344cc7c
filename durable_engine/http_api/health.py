"""`/health` and `/dev`: is this server up, and what is it. The TypeScript SDK 3 probes `/dev`."""

from __future__ import annotations

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durable_engine.engine import Engine

SERVER_NAME = "stepcue"


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": 200, "message": "OK"})

    async def dev(_: Request) -> Response:
        inventory = await engine.inventory()
        return JSONResponse(
            {
                "server": SERVER_NAME,
                "version": version("stepcue"),
                "authed": engine.config.signing_key is not None,
                "functions": [
                    {"id": function.slug, "name": function.name} for function in inventory.functions
                ],
                "isSingleNodeService": True,
            }
        )

    return [Route("/health", health, methods=["GET"]), Route("/dev", dev, methods=["GET"])]
