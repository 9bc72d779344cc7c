"""What every answer of API v1 shares: the envelope, and the ids of the one environment there is."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from durable_engine.engine import Engine
from durable_engine.http_api.answers import JSONAnswer
from durable_engine.http_api.times import rfc3339
from durable_engine.ids import uuid_for
from durable_engine.model.json_value import JSONObject, JSONValue

ACCOUNT_ID: Final = uuid_for("account", "local")
ENVIRONMENT_ID: Final = uuid_for("environment", "dev")


def answer(engine: Engine, data: JSONValue, *, cached_s: int = 0, more: JSONObject | None = None) -> Response:
    """Return `data` in the envelope, to be kept for `cached_s` seconds; `more` goes beside it."""
    now_ms = engine.records.now_ms()
    metadata = {"fetched_at": rfc3339(now_ms), "cached_until": rfc3339(now_ms + cached_s * 1_000)}
    return JSONAnswer({**(more or {}), "data": data, "metadata": metadata})
