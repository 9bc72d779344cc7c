"""`POST /v1/signals`: wake the step that waits for a signal."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.answers import JSONAnswer
from durable_engine.http_api.fields import read_object, text_of
from durable_engine.http_api.times import rfc3339


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def send_signal(request: Request) -> Response:
        body = await read_object(request)
        signal = text_of(body, "signal") or ""
        run_id = await engine.control.send_signal(signal, body.get("data"))
        if run_id is None:
            # The TypeScript SDK makes of this status that nobody was waiting.
            return JSONAnswer({"error": "No signal found", "data": None, "status": 404}, status_code=404)
        fetched_at = rfc3339(engine.records.now_ms())
        return JSONAnswer({"data": {"run_id": run_id}, "metadata": {"fetched_at": fetched_at}})

    return [Route("/v1/signals", send_signal, methods=["POST"])]
