"""`/v2/account`, `/v2/envs`, `/v2/keys/...`: one account with one environment, and no keys to list."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.fields import limit_of
from durable_engine.http_api.v1.envelope import ACCOUNT_ID, ENVIRONMENT_ID
from durable_engine.http_api.v2.envelope import answer, answer_page, both


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def get_account(_: Request) -> Response:
        return answer(engine, {"id": ACCOUNT_ID, "name": "Stepcue"})

    async def list_environments(request: Request) -> Response:
        environment = {"id": ENVIRONMENT_ID, "name": "dev", "isArchived": False}
        return answer_page(engine, [environment], limit=_limit(request))

    async def list_keys(request: Request) -> Response:
        return answer_page(engine, [], limit=_limit(request))

    return [
        *both("/account", get_account),
        *both("/envs", list_environments),
        *both("/keys/events", list_keys),
        *both("/keys/signing", list_keys),
    ]


def _limit(request: Request) -> int:
    return limit_of(request, default=20, most=100)
