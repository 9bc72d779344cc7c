"""Read request bodies: bounded, and JSON or a clear refusal."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from durable_engine.bodies import read_bounded
from durable_engine.model.json_value import InvalidJSONError, JSONValue, parse_json, parse_list

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
_AT_ONCE_BYTES: Final = 256 * 1024
"""Read in one go; more holds up everybody else for too long, and is read in pieces."""


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        HTTPException: 413, the body is over 32 MiB.
    """
    too_large = HTTPException(413, f"The request body is over {MAX_BODY_BYTES // 1024 // 1024} MiB.")
    return await read_bounded(request.stream(), most=MAX_BODY_BYTES, too_large=too_large)


async def read_json(request: Request) -> JSONValue:
    """Return the body as JSON; None for an empty one.

    Raises:
        HTTPException: 400 with what is wrong with the JSON, 413 as above.
    """
    body = await read_body(request)
    if not body.strip():
        return None
    try:
        return await _parsed(body)
    except InvalidJSONError as fault:
        raise HTTPException(400, f"The request body is not valid JSON: {fault}") from None


async def _parsed(body: bytes) -> JSONValue:
    if len(body) <= _AT_ONCE_BYTES or not body.lstrip().startswith(b"["):
        return parse_json(body)
    entries: list[JSONValue] = []
    for piece in parse_list(body, at_once=_AT_ONCE_BYTES):
        entries += piece
        await asyncio.sleep(0)
    return entries
