"""`POST /stepcue/v1/...`: what no Inngest server has; tests of functions and moving time, in any language."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.durations import parse_date_ns, parse_duration_ms
from durable_engine.engine import Engine
from durable_engine.http_api.answers import JSONAnswer
from durable_engine.http_api.bodies import read_json
from durable_engine.http_api.fields import read_object, text_of
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.report import verdict_json
from durable_engine.scenarios.runner import run_scenario

_PATIENCE_S: Final = 30.0
_NS_PER_MS: Final = 1_000_000
_ADVANCE: Final = ("by", "to")


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def test(request: Request) -> Response:
        scenario = read_scenario(await read_json(request))
        return JSONAnswer(verdict_json(await run_scenario(engine, scenario)))

    async def advance(request: Request) -> Response:
        body = await read_object(request)
        for field in body:
            if field not in _ADVANCE:
                raise HTTPException(400, f"{field[:100]}: there is no such field; allowed: by, to.")
        by, to = (text_of(body, field, is_required=False) for field in _ADVANCE)
        moved = await engine.time.advance(
            by_ms=None if by is None else parse_duration_ms(by),
            to_ms=None if to is None else parse_date_ns(to) // _NS_PER_MS,
            patience_s=_PATIENCE_S,
        )
        return JSONAnswer(
            {
                "nowMs": moved.now_ms,
                "movedMs": moved.now_ms - moved.from_ms,
                "complete": moved.is_complete,
                "happened": moved.count,
                "nextDueMs": moved.next_due_ms,
            }
        )

    return [
        Route("/stepcue/v1/test", test, methods=["POST"]),
        Route("/stepcue/v1/time/advance", advance, methods=["POST"]),
    ]
