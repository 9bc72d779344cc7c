"""What every answer of API v2 shares: the envelope, pages, refusals, and its two prefixes.

Fields without a value are left out, whole numbers are written as text: JSON of protocol buffers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.answers import JSONAnswer
from durable_engine.http_api.fields import limit_of
from durable_engine.http_api.times import rfc3339
from durable_engine.model.json_value import JSONObject, JSONValue

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]

PREFIXES: Final = ("/v2", "/api/v2")


def both(path: str, handler: Handler, method: str = "GET") -> list[Route]:
    """Return the routes of `path` below either prefix."""
    return [Route(f"{prefix}{path}", handler, methods=[method]) for prefix in PREFIXES]


def answer(engine: Engine, data: JSONValue) -> Response:
    """Return `data` in the envelope."""
    return JSONAnswer({"data": data, "metadata": _metadata(engine)})


def answer_page(
    engine: Engine, entries: Sequence[JSONValue], *, limit: int, next_cursor: str | None = None
) -> Response:
    """Return a page of entries; a list without entries is left out."""
    page = compact({"cursor": next_cursor, "hasMore": next_cursor is not None, "limit": limit})
    return JSONAnswer(compact({"data": list(entries), "metadata": _metadata(engine), "page": page}))


def answer_by_name(
    engine: Engine, request: Request, named: Mapping[str, T], show: Callable[[T], JSONObject]
) -> Response:
    """Return the page asked for of what is few and sorted by name; the cursor is a name."""
    limit = limit_of(request, default=100, most=100)
    after = request.query_params.get("cursor", "")
    names = [name for name in named if name > after]
    shown = [show(named[name]) for name in names[:limit]]
    next_cursor = names[limit - 1] if len(names) > limit else None
    return answer_page(engine, shown, limit=limit, next_cursor=next_cursor)


def refuse(status: int, code: str, message: str, *, data: JSONObject | None = None) -> Response:
    """Return an error that has a name of its own; `data` goes beside it."""
    errors = [{"code": code, "message": message}]
    return JSONAnswer({"errors": errors} if data is None else {"data": data, "errors": errors}, status)


def compact(fields: JSONObject) -> JSONObject:
    """Leave out the fields that have no value; false and 0 are values."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [])}


def date(at_ms: int | None) -> str | None:
    """Write a moment, if there is one."""
    return None if at_ms is None else rfc3339(at_ms)


def duration(start_ms: int | None, end_ms: int | None) -> str | None:
    """Write the milliseconds between two moments, if there are both."""
    return None if start_ms is None or end_ms is None else str(max(end_ms - start_ms, 0))


def as_object(value: JSONValue) -> JSONObject:
    """Return an object, which is what this API allows an output to be."""
    return value if isinstance(value, dict) else {"data": value}


def _metadata(engine: Engine) -> JSONObject:
    return {"fetchedAt": rfc3339(engine.records.now_ms())}
