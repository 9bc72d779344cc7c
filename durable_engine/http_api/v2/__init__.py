"""The REST API v2: camelCase JSON in `{"data", "metadata", "page"}`, one file per resource."""

from __future__ import annotations

from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.v2 import account, apps, events, functions, health, invocations, missing, runs


def routes(engine: Engine) -> list[Route]:
    """Return the routes of all resources; `missing` takes what is left, so it comes last."""
    resources = (health, account, events, runs, apps, functions, invocations, missing)
    return [route for resource in resources for route in resource.routes(engine)]
