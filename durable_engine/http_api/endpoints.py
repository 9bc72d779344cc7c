"""Durable endpoints: `POST /v1/checkpoint` begins a run, `.../steps` reports, `.../output` waits for its end.

Source: TypeScript SDK 4 as observed; `/v1/http/runs` is another name of `/v1/checkpoint`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.errors import RunNotFoundError
from durable_engine.http_api.answers import JSONAnswer
from durable_engine.http_api.bodies import read_body
from durable_engine.http_api.fields import FieldError, read_object
from durable_engine.ids import uuid_for
from durable_engine.model.endpoint import EndpointResponse
from durable_engine.model.event import HTTP_REQUEST
from durable_engine.model.json_value import InvalidJSONError, JSONObject, parse_json, storable_text
from durable_engine.model.reply import Failed, Ops
from durable_engine.model.status import RunStatus
from durable_engine.model.views import RunView
from durable_engine.sdk.function_config import MAX_RETRIES
from durable_engine.sdk.opcodes import OpcodeError
from durable_engine.sdk.reply import read_report
from durable_engine.unsupported import REALTIME_PUBLISH

OUTPUT_WAIT_S: Final = 300
_PREFIXES: Final = ("/v1/checkpoint", "/v1/http/runs")
_DEFAULT_RETRIES: Final = 3
_STATUSES: Final = range(200, 600)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OF_THE_BYTES: Final = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})
"""Headers that speak of the bytes as the app sent them; we have the text."""
_LAST_EVENT: Final = "event: inngest.response"


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def begin(request: Request) -> Response:
        body = await read_object(request)
        run_id = str(body.get("run_id") or "")
        event = body.get("event")
        data = event.get("data") if isinstance(event, dict) else None
        function = await engine.endpoints.start(
            run_id,
            data if isinstance(data, dict) else {},
            sdk=request.headers.get("x-inngest-sdk", "").removeprefix("inngest-"),
            retries=_retries(body.get("retries")),
            reply=_steps(body),
        )
        answer = {
            "fn_id": function.id,
            "app_id": uuid_for("app", function.app_name),
            "run_id": run_id,
            "token": _token(engine, request, run_id),
            "realtime_token": _token(engine, request, run_id),
        }
        return JSONResponse({"data": answer})

    async def report(request: Request) -> Response:
        body = await read_object(request)
        await engine.endpoints.report(request.path_params["run_id"], _steps(body))
        return Response(status_code=200)

    async def output(request: Request) -> Response:
        return await _output(engine, request)

    async def take_stream(request: Request) -> Response:
        # A run streams to the channel that is named like it; that of an endpoint ends with its response.
        run_id = request.query_params.get("channel", "")
        response = _last_response(await read_body(request))
        if response is not None:
            engine.endpoints.keep_response(run_id, response)
        elif not await _is_of_endpoint(engine, run_id):
            await engine.unsupported.record(REALTIME_PUBLISH, run_id=run_id)
        return JSONResponse({})

    found = [Route("/v1/realtime/publish/tee", take_stream, methods=["POST"])]
    for prefix in _PREFIXES:
        found += [
            Route(prefix, begin, methods=["POST"]),
            Route(f"{prefix}/{{run_id}}/steps", report, methods=["POST"]),
            Route(f"{prefix}/{{run_id}}/output", output, methods=["GET"]),
        ]
    return found


async def _is_of_endpoint(engine: Engine, run_id: str) -> bool:
    try:
        return (await engine.records.run(run_id)).event_name == HTTP_REQUEST
    except RunNotFoundError:
        return False


async def _output(engine: Engine, request: Request) -> Response:
    run_id = request.path_params["run_id"]
    token = request.query_params.get("token", "")
    if not hmac.compare_digest(token.encode(), _token(engine, request, run_id).encode()):
        raise HTTPException(401, "The token is not that of this run.")
    views = await engine.wait_for_runs([run_id], timeout_s=OUTPUT_WAIT_S)
    if run_id not in views:
        raise RunNotFoundError(f"No run {run_id[:40]!r}.")
    # The SDK's own proxy asks for JSON and unwraps it; anybody else gets what the endpoint answered.
    is_proxy = request.headers.get("content-type", "").startswith("application/json")
    response = None if is_proxy else engine.endpoints.response(run_id)
    return _response(views[run_id], response, is_proxy=is_proxy)


def _steps(body: JSONObject) -> Ops | Failed:
    """Return what the `steps` of a report amount to."""
    try:
        return read_report(body.get("steps") or [], sdk_version=2)
    except OpcodeError as fault:
        raise FieldError(f"`steps` cannot be read: {fault}.") from None


def _retries(value: object) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return min(max(value, 0), MAX_RETRIES) if is_number and isinstance(value, int) else _DEFAULT_RETRIES


def _token(engine: Engine, request: Request, run_id: str) -> str:
    """Return what lets its holder see the output of a run; without key and token everybody may, anyway."""
    key, access = engine.config.signing_key, request.app.state.access_token
    what = f"output/{run_id}"
    if key is None and access is not None:
        return str(access.sign(what))[:32]
    secret = "" if key is None else key.get_secret_value()
    return hmac.new(secret.encode(), what.encode(), hashlib.sha256).hexdigest()[:32]


def _response(run: RunView, response: EndpointResponse | None, *, is_proxy: bool) -> Response:
    if not run.status.is_terminal:
        return JSONResponse(
            {"error": f"Run {run.id} has not ended within {OUTPUT_WAIT_S} s; ask again.", "status": 504},
            status_code=504,
        )
    if response is not None:
        return Response(response.body, status_code=response.status, headers=dict(response.headers))
    if run.status is not RunStatus.COMPLETED:
        return JSONAnswer({"error": run.error, "status": 500}, status_code=500)
    output = run.output if isinstance(run.output, dict) else {}
    body = str(output.get("body", "null"))
    if not is_proxy:
        body = _unwrapped(body)
    return Response(storable_text(body), media_type="application/json")


def _unwrapped(body: str) -> str:
    """Undo the double encoding of a response's text."""
    try:
        inner = parse_json(body)
    except InvalidJSONError:
        return body
    return inner if isinstance(inner, str) else body


def _last_response(stream: bytes) -> EndpointResponse | None:
    """Find the final response in the server-sent events that an app copies to us."""
    _, found, rest = stream.decode("utf-8", "replace").rpartition(_LAST_EVENT)
    line = next((line for line in rest.splitlines() if line.startswith("data:")), None)
    if not found or line is None:
        return None
    try:
        response = parse_json(line.removeprefix("data:").strip())["response"]
        status, headers = int(response["statusCode"]), dict(response.get("headers") or {})
        body = storable_text(str(response["body"]))
    except (InvalidJSONError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    if status not in _STATUSES:
        return None
    return EndpointResponse(status=status, headers=_sendable(headers), body=body)


def _sendable(headers: Mapping[object, object]) -> dict[str, str]:
    """Return those headers of a response that can be sent again with its text."""
    texts = {str(name).lower(): str(value) for name, value in headers.items()}
    return {
        name: value
        for name, value in texts.items()
        if name not in _OF_THE_BYTES and _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)
    }
