"""What happens to apps while an engine knows them: a new version, another port, a second app."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import fastapi
import httpx
import inngest
import inngest.fast_api
from support.sdk_app import APP_URL, Lab


async def deploy(
    it: Lab,
    client: inngest.Inngest,
    functions: list[inngest.Function[Any]],
    *,
    url: str = APP_URL,
    syncs: bool = True,
) -> None:
    """Replace whatever was served by `functions`, at `url` alone, and sync it."""
    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, client, functions, serve_path=urlsplit(url).path)
    it.network._app = httpx.ASGITransport(app)
    it.network.port = urlsplit(url).port
    client._http_client._http_client._transport = it.api._transport
    if syncs:
        await it.engine.sync_app(url)


async def serve_too(
    it: Lab, client: inngest.Inngest, functions: list[inngest.Function[Any]], *, path: str
) -> None:
    """Serve and sync another app beside the one that is there, on another path."""
    app: Any = it.network._app.app
    inngest.fast_api.serve(app, client, functions, serve_path=path)
    client._http_client._http_client._transport = it.api._transport
    await it.engine.sync_app(APP_URL.replace(urlsplit(APP_URL).path, path))
