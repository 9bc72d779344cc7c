"""`/fn/register` and `/fn/remove`: apps come and go."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.bodies import read_json

SERVER_KIND = "dev"


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def register(request: Request) -> Response:
        expected = request.headers.get("x-inngest-expected-server-kind")
        if expected is not None and expected != SERVER_KIND:
            error = f"The app expects a {expected!r} server; this is a {SERVER_KIND!r} server."
            return JSONResponse({"error": error, "status": 400}, status_code=400)
        is_modified = await engine.register_app(await read_json(request))
        return JSONResponse({"ok": True, "modified": is_modified})

    async def remove(request: Request) -> Response:
        url = request.query_params.get("url", "")
        if not await engine.remove_app(url):
            error = f"No app is synced from {url!r}."
            return JSONResponse({"error": error, "status": 404}, status_code=404)
        return JSONResponse({"ok": True})

    return [
        Route("/fn/register", register, methods=["POST", "PUT"]),
        Route("/fn/remove", remove, methods=["DELETE"]),
    ]
