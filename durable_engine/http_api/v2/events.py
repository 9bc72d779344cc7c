"""`/v2/events`: send one event, and list the runs that an event started."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.events import SEED_HEADER
from durable_engine.http_api.fields import read_object, text_of, ulid_of
from durable_engine.http_api.v2.envelope import answer, both
from durable_engine.http_api.v2.run_fields import answer_runs
from durable_engine.intake import read_event
from durable_engine.model.records import RunFilter

_MOST_RUNS: Final = 40


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def send_event(request: Request) -> Response:
        body = await read_object(request)
        text_of(body, "name")
        ts = body.get("ts")
        if isinstance(ts, str) and ts.isascii() and ts.isdecimal() and len(ts) <= 15:
            body = {**body, "ts": int(ts)}  # whole numbers may come as text in this API
        receipt = await engine.send_event(
            read_event(body), seed=request.headers.get(SEED_HEADER), source="api"
        )
        return answer(engine, {"eventId": receipt.event.id})

    async def list_runs(request: Request) -> Response:
        event = await engine.records.event(ulid_of(request, "event_id", "event"))
        wanted = RunFilter(event_id=event.id, oldest_first=True)
        return await answer_runs(engine, request, wanted, most=_MOST_RUNS)

    return [*both("/events", send_event, "POST"), *both("/events/{event_id}/runs", list_runs)]
