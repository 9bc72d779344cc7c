"""The REST API v1: snake_case JSON in `{"data", "metadata"}`, one file per resource."""

from __future__ import annotations

from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.v1 import cancellations, events, functions, metrics, runs, signals


def routes(engine: Engine) -> list[Route]:
    """Return the routes of all resources."""
    resources = (events, runs, functions, cancellations, signals, metrics)
    return [route for resource in resources for route in resource.routes(engine)]
