"""Put the resources together into one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from durable_engine.engine import Engine
from durable_engine.errors import DurableEngineError
from durable_engine.http_api import (
    checkpoint,
    endpoints,
    errors,
    events,
    health,
    openapi,
    registration,
    runs,
    test_controls,
    unsupported,
    v1,
    v2,
)
from durable_engine.http_api.auth import KeyGuard
from durable_engine.http_api.congestion import Congestion
from durable_engine.http_api.guard import Callers, HostGuard
from durable_engine.http_api.token import AccessToken

_RESOURCES: Final = (
    events,
    registration,
    runs,
    checkpoint,
    endpoints,
    unsupported,
    health,
    openapi,
    v1,
    v2,
    test_controls,
)


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


def build_app(
    engine: Engine,
    *,
    more_routes: Sequence[BaseRoute] = (),
    with_own_door: Collection[str] = (),
    allowed_hosts: Collection[str] = (),
    allowed_origins: Collection[str] = (),
    token: AccessToken | None = None,
    lifespan: Callable[[], AbstractAsyncContextManager[None]] = _nothing,
) -> Starlette:
    """Return the application that serves `engine`.

    `more_routes` are served beside the engine's own (the MCP endpoint); those at the paths in
    `with_own_door` look at Host, Origin and token themselves. `allowed_hosts` are host names
    besides the loopback ones, `allowed_origins` pages besides theirs, which may also read the answers.
    `lifespan` is entered while the application runs. With a signing key, `more_routes` below the paths in
    `auth.GUARDED` need it too; `token` is needed at the paths that no app calls.
    """

    @asynccontextmanager
    async def whole_life(_: Starlette) -> AsyncIterator[None]:
        async with lifespan():
            yield

    secret = engine.config.signing_key
    routes = [route for resource in _RESOURCES for route in resource.routes(engine)]
    app = Starlette(
        routes=[*more_routes, *routes],  # tried in this order, and the engine has forty
        middleware=[
            Middleware(
                HostGuard,
                callers=Callers(allowed_hosts, allowed_origins),
                server_kind=registration.server_kind(engine),
                with_own_door=with_own_door,
            ),
            *_for_pages(allowed_origins),
            Middleware(KeyGuard, signing_key=secret.get_secret_value() if secret else None, token=token),
            Middleware(Congestion),
        ],
        exception_handlers={
            DurableEngineError: errors.engine_error,
            HTTPException: errors.http_error,
            ClientDisconnect: errors.client_gone,
            Exception: errors.unexpected_error,
        },
        lifespan=whole_life,
    )
    app.state.access_token = token
    return app


def _for_pages(origins: Collection[str]) -> list[Middleware]:
    """Let pages of these origins read answers, and ask for that without a token, as browsers do."""
    if not origins:
        return []
    methods = ("GET", "POST", "PUT", "DELETE")
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=methods,
            allow_headers=("*",),
            expose_headers=("Mcp-Session-Id", "WWW-Authenticate"),
            allow_private_network=True,
        )
    ]
