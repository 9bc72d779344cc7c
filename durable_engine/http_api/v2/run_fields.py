"""Runs in the words of API v2: how one is written, and how a list of them is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from durable_engine.engine import Engine
from durable_engine.http_api.fields import choice_of, flag_of, limit_of, moment_of
from durable_engine.http_api.v2.envelope import answer_page, as_object, compact, date, duration
from durable_engine.model.json_value import JSONObject
from durable_engine.model.records import RunFilter, RunMoment, RunRecord
from durable_engine.model.status import RunStatus

DEFAULT_RUNS: Final = 20
MOST_RUNS: Final = 100
_MOMENTS: Final[Mapping[str, RunMoment]] = {
    "queuedAt": RunMoment.QUEUED,
    "startedAt": RunMoment.STARTED,
    "endedAt": RunMoment.ENDED,
}
_ORDERS: Final = ("asc", "desc")


async def answer_runs(
    engine: Engine, request: Request, wanted: RunFilter, *, most: int = MOST_RUNS
) -> Response:
    """Return the page of runs that the request asks for."""
    limit = limit_of(request, default=DEFAULT_RUNS, most=most)
    with_output = flag_of(request, "includeOutput")
    cursor = request.query_params.get("cursor") or None
    page = await engine.records.runs(wanted, cursor=cursor, limit=limit, with_output=with_output)
    runs = [as_run(run, with_output=with_output) for run in page.runs]
    return answer_page(engine, runs, limit=limit, next_cursor=page.next_cursor)


def read_filter(request: Request, *, app: str | None = None, function: str | None = None) -> RunFilter:
    """Return what the request's parameters ask for, of an app and a function if these are given."""
    query = request.query_params
    return RunFilter(
        app=app or query.get("appId") or None,
        function=function or query.get("functionId") or None,
        statuses=_statuses(request),
        moment=_moment(query.get("timeField") or "queuedAt"),
        from_ms=moment_of(query, "from"),
        until_ms=moment_of(query, "until"),
        oldest_first=choice_of("order", (query.get("order") or "desc").lower(), _ORDERS) == "asc",
    )


def as_run(run: RunRecord, *, with_output: bool) -> JSONObject:
    """Write a run."""
    shown = compact(
        {
            "id": run.id,
            "app": {"id": run.app_name},
            "function": {"id": short_id(run.function_slug, run.app_name), "name": run.function_name},
            "status": run.status.value,
            "queuedAt": date(run.queued_ms),
            "startedAt": date(run.started_ms),
            "endedAt": date(run.ended_ms),
            "durationMs": duration(run.started_ms or run.queued_ms, run.ended_ms),
            "trigger": _trigger(run),
            "originalRunId": run.original_run_id,
        }
    )
    if with_output and run.status is RunStatus.COMPLETED:
        shown["output"] = as_object(run.output)
    if with_output and run.status is RunStatus.FAILED:
        shown["output"] = {"error": run.error}
    return shown


def short_id(slug: str, app_name: str) -> str:
    """Return a function's id without that of its app."""
    return slug.removeprefix(f"{app_name}-")


def _trigger(run: RunRecord) -> JSONObject:
    return compact(
        {
            "eventIds": list(run.event_ids),
            "eventName": run.event_name,
            "isBatch": len(run.event_ids) > 1,
            "cronSchedule": run.cron,
        }
    )


def _statuses(request: Request) -> frozenset[RunStatus]:
    """Return the statuses asked for, each in a parameter of its own or separated by commas."""
    texts = [text for value in request.query_params.getlist("status") for text in value.split(",")]
    words = [text.strip().upper() for text in texts if text.strip()]
    return frozenset(RunStatus(choice_of("status", word, list(RunStatus))) for word in words)


def _moment(text: str) -> RunMoment:
    """Read the field's name; `queued`, `QUEUED_AT` and the like are taken too."""
    stem = text.replace("_", "").lower().removesuffix("at")
    return _MOMENTS[choice_of("timeField", f"{stem}At", list(_MOMENTS))]
