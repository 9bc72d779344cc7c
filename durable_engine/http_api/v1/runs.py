"""`/v1/runs/{id}`: one run, its queued work, and its end by request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.fields import ulid_of
from durable_engine.http_api.times import rfc3339
from durable_engine.http_api.v1.envelope import ENVIRONMENT_ID, answer
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.records import RunRecord
from durable_engine.model.status import RunStatus

_CACHED_S: Final = 3
_VERSION: Final = 1
"""Versions of functions are not counted."""
_STATUS: Final[Mapping[RunStatus, str]] = {
    RunStatus.QUEUED: "Scheduled",
    RunStatus.RUNNING: "Running",
    RunStatus.COMPLETED: "Completed",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELLED: "Cancelled",
}


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def get_run(request: Request) -> Response:
        run = await engine.records.run(ulid_of(request, "run_id", "run"))
        return answer(engine, as_run(run), cached_s=_CACHED_S)

    async def cancel_run(request: Request) -> Response:
        await engine.control.cancel(ulid_of(request, "run_id", "run"))
        return Response()

    async def list_jobs(request: Request) -> Response:
        jobs = await engine.records.jobs(ulid_of(request, "run_id", "run"))
        return answer(engine, [_as_job(job) for job in jobs])

    return [
        Route("/v1/runs/{run_id}", get_run, methods=["GET"]),
        Route("/v1/runs/{run_id}", cancel_run, methods=["DELETE"]),
        Route("/v1/runs/{run_id}/jobs", list_jobs, methods=["GET"]),
    ]


def as_run(run: RunRecord) -> JSONObject:
    """Write a run in the words of API v1."""
    started_ms = run.queued_ms if run.started_ms is None else run.started_ms
    shown: JSONObject = {
        "run_id": run.id,
        "run_started_at": rfc3339(started_ms),
        "function_id": run.function_id,
        "function_version": _VERSION,
        "environment_id": ENVIRONMENT_ID,
        "event_id": run.event_id,
        "status": _STATUS[run.status],
        "ended_at": None if run.ended_ms is None else rfc3339(run.ended_ms),
        "output": _output(run),
    }
    if run.original_run_id is not None:
        shown["original_run_id"] = run.original_run_id
    if run.cron is not None:
        shown["cron"] = run.cron
    return shown


def _output(run: RunRecord) -> JSONValue:
    if run.status is RunStatus.FAILED:
        return {"error": run.error}
    return {} if run.status is RunStatus.CANCELLED else run.output


def _as_job(item: QueueItem) -> JSONObject:
    return {
        "id": str(item.id),
        "run_id": item.run_id,
        "step_id": item.step_id,
        "kind": item.kind.value,
        "attempt": item.attempt,
        "at": rfc3339(item.due_ms),
    }
