"""`/v2/apps/{app}/functions`: the functions of an app; ids in these paths are without that of the app.

`POST .../pause` and `.../resume` are our own: Inngest documents pausing for its dashboard only.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.fields import FieldError, read_object
from durable_engine.http_api.v2.configuration import as_configuration
from durable_engine.http_api.v2.envelope import answer, answer_by_name, both, compact, date
from durable_engine.http_api.v2.run_fields import answer_runs, read_filter, short_id
from durable_engine.model.function import Function, Trigger
from durable_engine.model.json_value import JSONObject


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def list_functions(request: Request) -> Response:
        functions = engine.records.functions(request.path_params["app"])
        named = {function.slug: function for function in functions}
        return answer_by_name(engine, request, named, _as_function)

    async def get_function(request: Request) -> Response:
        return answer(engine, _as_function(function_of(engine, request)))

    async def list_runs(request: Request) -> Response:
        function = function_of(engine, request)
        wanted = read_filter(request, app=function.app_name, function=function.id)
        return await answer_runs(engine, request, wanted)

    async def pause(request: Request) -> Response:
        found = function_of(engine, request)
        cancels = (await read_object(request)).get("cancelRuns") or False
        if not isinstance(cancels, bool):
            raise FieldError("`cancelRuns` must be true or false.")
        paused = await engine.pause_function(found.id, cancels_runs=cancels)
        return answer(engine, _as_function(paused))

    async def resume(request: Request) -> Response:
        return answer(engine, _as_function(await engine.resume_function(function_of(engine, request).id)))

    return [
        *both("/apps/{app}/functions/{function}/pause", pause, "POST"),
        *both("/apps/{app}/functions/{function}/resume", resume, "POST"),
        *both("/apps/{app}/functions", list_functions),
        *both("/apps/{app}/functions/{function}", get_function),
        *both("/apps/{app}/functions/{function}/runs", list_runs),
    ]


def function_of(engine: Engine, request: Request) -> Function:
    """Return the function that the path names.

    Raises:
        AppNotFoundError, FunctionNotFoundError: there is none.
    """
    app = engine.records.app(request.path_params["app"])
    wanted = request.path_params["function"]
    for function in engine.records.functions(app.id):
        if function.slug == f"{app.name}-{wanted}":
            return function
    return engine.records.function(wanted, app=app.id)


def _as_function(function: Function) -> JSONObject:
    return compact(
        {
            "id": short_id(function.slug, function.app_name),
            "name": function.name,
            "slug": function.slug,
            "isPaused": function.is_paused,
            "pausedAt": date(function.paused_ms),
            "isArchived": function.is_archived,
            "app": {"id": function.app_name},
            "triggers": [_as_trigger(trigger) for trigger in function.triggers],
            "configuration": as_configuration(function),
        }
    )


def _as_trigger(trigger: Trigger) -> JSONObject:
    if trigger.cron is not None:
        return {"type": "CRON", "value": trigger.cron}
    return compact({"type": "EVENT", "value": trigger.event, "if": trigger.expression})
