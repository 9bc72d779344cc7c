"""`/fn/register` and `/fn/remove`: apps come and go."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.bodies import read_json


def server_kind(engine: Engine) -> Literal["dev", "cloud"]:
    """Return what the engine is to SDKs: with a signing key a self-hosted server, else a Dev Server."""
    return "cloud" if engine.config.signing_key else "dev"


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def register(request: Request) -> Response:
        expected = request.headers.get("x-inngest-expected-server-kind")
        # With a key both are served; without one nothing could call an app in cloud mode.
        if server_kind(engine) == "dev" and expected not in {None, "dev"}:
            return _other_kind(str(expected))
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


def _other_kind(expected: str) -> Response:
    error = (
        f"The app expects a server of kind {expected[:50]!r}; without a signing key Stepcue is a 'dev' one. "
        "Start the app with INNGEST_DEV=1, or Stepcue with the app's key as --signing-key."
    )
    return JSONResponse({"error": error, "status": 400}, status_code=400)
