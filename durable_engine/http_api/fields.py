"""Read query parameters and fields of bodies: a value, or a refusal that says what is allowed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from durable_engine.http_api.bodies import read_json
from durable_engine.http_api.times import parse_rfc3339_ms
from durable_engine.ids import is_ulid
from durable_engine.model.json_value import JSONObject, is_storable

MISSING: Final = "missing_field"
MALFORMED: Final = "invalid_field_format"
MAX_TEXT_CHARS: Final = 512
_QUOTE_CHARS: Final = 100
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}


class FieldError(HTTPException):
    """A parameter or field is missing, or is not of its form; `code` says which, in the API's words."""

    def __init__(self, message: str, *, code: str = MALFORMED) -> None:
        super().__init__(400, message)
        self.code = code


async def read_object(request: Request) -> JSONObject:
    """Return the body, which must be a JSON object; `{}` for an empty one.

    Raises:
        FieldError: it is JSON of another kind.
        HTTPException: as `bodies.read_json`.
    """
    body = await read_json(request)
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise FieldError("The request body must be a JSON object.")
    return body


def text_of(body: Mapping[str, Any], field: str, *, is_required: bool = True) -> str | None:
    """Return a text of the body; None for an optional one that is missing, null or empty."""
    value = body.get(field)
    if value is None or value == "":
        if is_required:
            raise FieldError(f"`{field}` is missing.", code=MISSING)
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS or not is_storable(value):
        raise FieldError(f"`{field}` must be text of 1 to {MAX_TEXT_CHARS} characters.")
    return value


def moment_of(body: Mapping[str, Any], field: str) -> int | None:
    """Return a date of the body or the query in milliseconds; None for one that is not there."""
    value = body.get(field)
    if value is None or value == "":
        return None
    try:
        return parse_rfc3339_ms(value if isinstance(value, str) else "")
    except (ValueError, OverflowError):
        raise FieldError(
            f"`{field}` must be an RFC 3339 date like 2026-11-21T07:42:57Z, not {_quote(value)}."
        ) from None


def limit_of(request: Request, *, default: int, most: int) -> int:
    """Return the parameter `limit`."""
    text = request.query_params.get("limit", "")
    if not text:
        return default
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else 0
    if not 1 <= limit <= most:
        raise FieldError(f"`limit` must be a whole number from 1 to {most}, not {_quote(text)}.")
    return limit


def flag_of(request: Request, field: str) -> bool:
    """Return a parameter that is true or false; false when it is not there."""
    text = request.query_params.get(field, "")
    if text and text.lower() not in _FLAGS:
        raise FieldError(f"`{field}` must be true or false, not {_quote(text)}.")
    return _FLAGS.get(text.lower(), False)


def choice_of(field: str, value: str, allowed: Collection[str]) -> str:
    """Return `value`, which must be one of `allowed`."""
    if value not in allowed:
        raise FieldError(f"`{field}` must be one of {', '.join(allowed)}, not {_quote(value)}.")
    return value


def ulid_of(request: Request, field: str, noun: str) -> str:
    """Return an id from the path; `noun` names what it is the id of."""
    value = str(request.path_params[field])
    if not is_ulid(value):
        raise FieldError(f"The {noun} ID specified is invalid: {_quote(value)} is not a ULID.")
    return value


def _quote(value: object) -> str:
    return repr(value if isinstance(value, int | float) else str(value)[:_QUOTE_CHARS])
