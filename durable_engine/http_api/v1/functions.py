"""`/v1/apps/{app}/functions`: the functions of an app, as a bare list."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.answers import JSONAnswer
from durable_engine.http_api.v1.envelope import ENVIRONMENT_ID
from durable_engine.model.function import App, Function
from durable_engine.model.json_value import JSONObject


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def list_functions(request: Request) -> Response:
        app = engine.records.app(request.path_params["app"])
        return JSONAnswer([_as_function(app, entry) for entry in engine.records.functions(app.id)])

    return [Route("/v1/apps/{app}/functions", list_functions, methods=["GET"])]


def _as_function(app: App, function: Function) -> JSONObject:
    return {
        "internal_id": function.id,
        "env_id": ENVIRONMENT_ID,
        "app_id": app.id,
        "id": function.slug,
        "name": function.name,
        "config": function.config,
        "created_at": None,  # not kept
        "archived_at": None,
    }
