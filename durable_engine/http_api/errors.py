"""Map the engine's errors to HTTP answers, once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from durable_engine.errors import (
    ConfigError,
    ConflictError,
    DurableEngineError,
    EngineClosedError,
    InvalidInputError,
    NotFoundError,
    StorageError,
    SyncError,
)

logger = logging.getLogger(__name__)

STATUS: Final[Mapping[type[DurableEngineError], int]] = {
    InvalidInputError: 400,
    NotFoundError: 404,
    ConflictError: 409,
    SyncError: 502,
    StorageError: 503,
    EngineClosedError: 503,
    ConfigError: 500,
}


def status_of(error: DurableEngineError) -> int:
    """Return the HTTP status for an error: that of its nearest mapped class."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


async def engine_error(_: Request, error: Exception) -> Response:
    """Answer an error of the engine with its sentence, its hint, and what was meant perhaps."""
    if not isinstance(error, DurableEngineError):
        raise error
    body: dict[str, object] = {"error": str(error), "status": status_of(error)}
    if error.hint:
        body["hint"] = error.hint
    if isinstance(error, NotFoundError) and error.nearest:
        body["nearest"] = list(error.nearest)
    return JSONResponse(body, status_code=status_of(error))


async def http_error(request: Request, error: Exception) -> Response:
    """Answer a refusal of the router or of a body as JSON."""
    if not isinstance(error, HTTPException):
        raise error
    sentence = error.detail
    if error.status_code == 404:
        sentence = f"Nothing is served at {request.method} {request.url.path}."
    elif error.status_code == 405:
        sentence = f"{request.method} is not allowed at {request.url.path}."
    return JSONResponse(
        {"error": sentence, "status": error.status_code},
        status_code=error.status_code,
        headers=error.headers,
    )


async def client_gone(_: Request, __: Exception) -> Response:
    """End a request whose sender hung up in the middle of its body: nobody reads the answer."""
    return Response(status_code=400)


async def unexpected_error(request: Request, error: Exception) -> Response:
    """Answer a bug of ours without its traceback, which goes to the log."""
    logger.error("request failed: %s %s", request.method, request.url.path, exc_info=error)
    return JSONResponse(
        {"error": "Stepcue failed on this request; its log has the details.", "status": 500},
        status_code=500,
    )
