"""Connect and Realtime, which are missing: answers that let apps go on or stop, never hang.

Status codes are chosen by what the SDKs were seen to do with them. Traces are telemetry that nobody
reads here; they are accepted.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.unsupported import (
    CONNECT,
    REALTIME_PUBLISH,
    REALTIME_SUBSCRIBE,
    RUN_METADATA,
    Feature,
)


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def refuse_connect(_: Request) -> Response:
        # The Python worker stops at 403 and retries others five times; the TypeScript one never stops.
        await engine.unsupported.record(CONNECT)
        return _refusal(CONNECT, status=403)

    async def refuse_subscription(_: Request) -> Response:
        # Both SDKs raise with the text of the answer.
        await engine.unsupported.record(REALTIME_SUBSCRIBE)
        return _refusal(REALTIME_SUBSCRIBE, status=501)

    async def drop_message(request: Request) -> Response:
        # An error would fail a function that is fine on an Inngest server.
        await _discard(request)
        run_id = request.query_params.get("run_id", "")
        await engine.unsupported.record(REALTIME_PUBLISH, run_id=run_id)
        return JSONResponse({})

    async def drop_metadata(request: Request) -> Response:
        await _discard(request)
        await engine.unsupported.record(RUN_METADATA, run_id=request.path_params["run_id"])
        return JSONResponse({})

    async def drop_traces(request: Request) -> Response:
        await _discard(request)
        return JSONResponse({})

    return [
        Route("/v0/connect/start", refuse_connect, methods=["POST"]),
        Route("/v0/connect/flush", refuse_connect, methods=["POST"]),
        Route("/v1/realtime/token", refuse_subscription, methods=["POST"]),
        Route("/v1/realtime/connect", refuse_subscription, methods=["GET"]),
        Route("/v1/realtime/sse", refuse_subscription, methods=["GET"]),
        Route("/v1/realtime/publish", drop_message, methods=["POST"]),
        Route("/v1/runs/{run_id}/metadata", drop_metadata, methods=["POST"]),
        Route("/v1/traces/userland", drop_traces, methods=["POST"]),
        Route("/dev/traces", drop_traces, methods=["POST"]),
    ]


def _refusal(feature: Feature, *, status: int) -> Response:
    body = {"error": feature.sentence, "code": "not_supported", "status": status}
    return JSONResponse(body, status_code=status)


async def _discard(request: Request) -> None:
    """Read the body to its end without keeping any of it: it may be a stream that lasts."""
    async for _ in request.stream():
        pass
