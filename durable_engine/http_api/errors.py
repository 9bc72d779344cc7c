"""Map the engine's errors to HTTP answers, once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from durable_engine.errors import (
    ConfigError,
    ConflictError,
    DurableEngineError,
    EngineClosedError,
    InvalidInputError,
    NotFoundError,
    ReplayError,
    StorageError,
    SyncError,
)
from durable_engine.http_api.answers import JSONAnswer
from durable_engine.http_api.fields import FieldError
from durable_engine.model.json_value import JSONObject

logger = logging.getLogger(__name__)

STATUS: Final[Mapping[type[DurableEngineError], int]] = {
    InvalidInputError: 400,
    NotFoundError: 404,
    ConflictError: 409,
    SyncError: 502,
    ReplayError: 502,
    StorageError: 503,
    EngineClosedError: 503,
    ConfigError: 500,
}

_CODES: Final[Mapping[int, str]] = {
    400: "invalid_request",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "request_too_large",
    502: "sync_failed",
    503: "unavailable",
}
"""What API v2 calls an answer of this status, where the error has no name of its own."""
_INTERNAL: Final = "internal_error"
RETRY_AFTER_S: Final = 5
"""When to try again what the disk or a stop of the engine kept from being taken."""


def status_of(error: DurableEngineError) -> int:
    """Return the HTTP status for an error: that of its nearest mapped class."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def _answer(request: Request, status: int, sentence: str, *, code: str, more: JSONObject) -> JSONAnswer:
    """Write an error in the form of the API that was called."""
    path = request.url.path
    if path.startswith(("/v2/", "/api/v2/")):
        return JSONAnswer({"errors": [{"code": code, "message": sentence, **more}]}, status_code=status)
    body: JSONObject = {"error": sentence, "status": status, **more}
    if path.startswith("/e/"):
        body["ids"] = []  # which the SDKs read also from an error
    if path.startswith(("/v1/", "/v0/")):
        body["data"] = None
    return JSONAnswer(body, status_code=status)


async def engine_error(request: Request, error: Exception) -> Response:
    """Answer an error of the engine with its sentence, its hint, and what was meant perhaps."""
    if not isinstance(error, DurableEngineError):
        raise error
    more: JSONObject = {}
    if error.hint:
        more["hint"] = error.hint
    if isinstance(error, NotFoundError) and error.nearest:
        more["nearest"] = list(error.nearest)
    status = status_of(error)
    response = _answer(request, status, str(error), code=_CODES.get(status, _INTERNAL), more=more)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


async def http_error(request: Request, error: Exception) -> Response:
    """Answer a refusal of the router or of a body as JSON."""
    if not isinstance(error, HTTPException):
        raise error
    sentence = error.detail
    if error.status_code == 404:
        sentence = f"Nothing is served at {request.method} {request.url.path}."
    elif error.status_code == 405:
        sentence = f"{request.method} is not allowed at {request.url.path}."
    code = error.code if isinstance(error, FieldError) else _CODES.get(error.status_code, _INTERNAL)
    response = _answer(request, error.status_code, sentence, code=code, more={})
    response.headers.update(error.headers or {})
    return response


async def client_gone(_: Request, __: Exception) -> Response:
    """End a request whose sender hung up in the middle of its body: nobody reads the answer."""
    return Response(status_code=400)


async def unexpected_error(request: Request, error: Exception) -> Response:
    """Answer a bug of ours without its traceback, which goes to the log."""
    route = request.scope.get("route")  # its path has no event key in it
    logger.error("request failed: %s %s", request.method, getattr(route, "path", "?"), exc_info=error)
    sentence = "Stepcue failed on this request; its log has the details."
    return _answer(request, 500, sentence, code=_INTERNAL, more={})
