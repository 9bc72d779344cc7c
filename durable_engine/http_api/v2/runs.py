"""`/v2/runs`: runs, their traces, and what may be done to them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.errors import RunAlreadyEndedError
from durable_engine.http_api.fields import FieldError, flag_of, limit_of, read_object, text_of, ulid_of
from durable_engine.http_api.v2.envelope import answer, answer_page, both, refuse
from durable_engine.http_api.v2.run_fields import DEFAULT_RUNS, MOST_RUNS, answer_runs, as_run, read_filter
from durable_engine.http_api.v2.spans import as_span
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.status import RunStatus


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def list_runs(request: Request) -> Response:
        wanted = read_filter(request)
        if flag_of(request, "isDeferred"):  # this engine starts none of that kind
            return answer_page(engine, [], limit=limit_of(request, default=DEFAULT_RUNS, most=MOST_RUNS))
        return await answer_runs(engine, request, wanted)

    async def get_run(request: Request) -> Response:
        with_output = flag_of(request, "includeOutput")
        run = await engine.records.run(_id(request))
        return answer(engine, as_run(run, with_output=with_output))

    async def get_trace(request: Request) -> Response:
        with_output = flag_of(request, "includeOutput")
        run_id = _id(request)
        root = as_span(await engine.records.trace(run_id), with_output=with_output)
        return answer(engine, {"runId": run_id, "rootSpan": root})

    async def cancel_run(request: Request) -> Response:
        run_id = _id(request)
        try:
            await engine.control.cancel(run_id)
        except RunAlreadyEndedError as fault:
            was_cancelled = (await engine.records.run(run_id)).status is RunStatus.CANCELLED
            code = "run_already_cancelled" if was_cancelled else "run_already_ended"
            return refuse(409, code, str(fault))
        return answer(engine, as_run(await engine.records.run(run_id), with_output=False))

    async def rerun(request: Request) -> Response:
        run_id = _id(request)
        step_id, given = _from_step(await read_object(request))
        new_id = await engine.control.rerun(run_id, from_step=step_id, given=given)
        return answer(engine, {"runId": new_id})

    return [
        *both("/runs", list_runs),
        *both("/runs/{run_id}", get_run),
        *both("/runs/{run_id}/trace", get_trace),
        *both("/runs/{run_id}/cancel", cancel_run, "POST"),
        *both("/runs/{run_id}/rerun", rerun, "POST"),
    ]


def _id(request: Request) -> str:
    return ulid_of(request, "run_id", "run")


def _from_step(body: JSONObject) -> tuple[str | None, list[JSONValue] | None]:
    """Return the step to begin with, and the arguments that it gets instead of its own."""
    asked = body.get("fromStep")
    if asked is None:
        return None, None
    if not isinstance(asked, dict):
        raise FieldError("`fromStep` must be an object with a `stepId`.")
    given = asked.get("input")
    if given is not None and not isinstance(given, list):
        raise FieldError("`fromStep.input` must be a list: the arguments of the step.")
    return text_of(asked, "stepId"), given
