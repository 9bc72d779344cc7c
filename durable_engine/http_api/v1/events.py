"""`/v1/events`: the events that were sent, and the runs that each of them started.

`.../decisions` is our own: why functions that listen to an event were not started by it at once.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.fields import limit_of, moment_of, ulid_of
from durable_engine.http_api.times import rfc3339
from durable_engine.http_api.v1.envelope import ACCOUNT_ID, ENVIRONMENT_ID, answer
from durable_engine.http_api.v1.runs import as_run
from durable_engine.model.event import Event, NotStarted
from durable_engine.model.json_value import JSONObject
from durable_engine.model.records import EventFilter, RunFilter, RunRecord

_DEFAULT_EVENTS: Final = 20
_MOST_EVENTS: Final = 51
_RUNS_AT_ONCE: Final = 100
_MOST_RUNS: Final = 1_000
_RUNS_CACHED_S: Final = 15


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def list_events(request: Request) -> Response:
        limit = limit_of(request, default=_DEFAULT_EVENTS, most=_MOST_EVENTS)
        after_ms = moment_of(request.query_params, "received_after")
        wanted = EventFilter(
            name=request.query_params.get("name") or None,
            from_ms=None if after_ms is None else after_ms + 1,
            until_ms=moment_of(request.query_params, "received_before"),
        )
        cursor = request.query_params.get("cursor") or None
        page = await engine.records.events(wanted, cursor=cursor, limit=limit)
        return answer(engine, [as_event(event) for event in page.events])

    async def get_event(request: Request) -> Response:
        event = await engine.records.event(ulid_of(request, "event_id", "event"))
        return answer(engine, as_event(event))

    async def list_runs(request: Request) -> Response:
        event = await engine.records.event(ulid_of(request, "event_id", "event"))
        runs = [as_run(run) for run in await _runs(engine, event.id)]
        return answer(engine, runs, cached_s=_RUNS_CACHED_S)

    async def list_decisions(request: Request) -> Response:
        missed = await engine.records.decisions(ulid_of(request, "event_id", "event"))
        return answer(engine, [_as_decision(entry) for entry in missed])

    return [
        Route("/v1/events/{event_id}/decisions", list_decisions, methods=["GET"]),
        Route("/v1/events", list_events, methods=["GET"]),
        Route("/v1/events/{event_id}", get_event, methods=["GET"]),
        Route("/v1/events/{event_id}/runs", list_runs, methods=["GET"]),
    ]


def as_event(event: Event) -> JSONObject:
    """Write an event; its `id` is the sender's where one was given, and `internal_id` names it in paths."""
    shown: JSONObject = {
        "internal_id": event.id,
        "account_id": ACCOUNT_ID,
        "environment_id": ENVIRONMENT_ID,
        "source": event.source,
        "source_id": None,
        "received_at": rfc3339(event.received_ms),
        "id": event.public_id,
        "name": event.name,
        "data": event.data,
        "ts": event.ts_ms,
    }
    if event.user:
        shown["user"] = event.user
    if event.v is not None:
        shown["v"] = event.v
    return shown


def _as_decision(entry: NotStarted) -> JSONObject:
    return {
        "function": entry.function_slug,
        "decision": entry.decision,
        "control": entry.control,
        "reason": entry.reason,
        "until": None if entry.until_ms is None else rfc3339(entry.until_ms),
        "run_id": entry.run_id,
    }


async def _runs(engine: Engine, event_id: str) -> list[RunRecord]:
    """Return the runs of an event, the first one first: this API has no pages for them."""
    runs: list[RunRecord] = []
    wanted = RunFilter(event_id=event_id, oldest_first=True)
    cursor: str | None = None
    while len(runs) < _MOST_RUNS:
        page = await engine.records.runs(wanted, cursor=cursor, limit=_RUNS_AT_ONCE, with_output=True)
        runs += page.runs
        cursor = page.next_cursor
        if cursor is None:
            break
    return runs
