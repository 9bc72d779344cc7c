"""Ask the real tool explain, over MCP, about runs and events of an engine in this process."""

from __future__ import annotations

import datetime
from typing import Any

from mcp import Client
from support.sdk_app import ENGINE_ORIGIN
from support.shipped_docs import shipped_docs

from durable_engine import Cause, Engine
from mcp_server.config import ServerConfig
from mcp_server.server import build_server


async def explained(engine: Engine, **arguments: str) -> dict[str, Any]:
    """Return the answer of explain, which must be one."""
    server = build_server(engine, shipped_docs(), config=ServerConfig(engine_url=ENGINE_ORIGIN))
    async with Client(server) as client:
        result = await client.call_tool("explain", arguments)
    assert not result.is_error, result.content
    answer: dict[str, Any] = result.structured_content or {}
    assert answer["cause"] in set(Cause)
    assert answer["docs"]
    assert answer["message"] in result.content[0].text  # type: ignore[union-attr]
    return answer


def facts(answer: dict[str, Any], kind: str) -> list[str]:
    """Return the texts of the evidence of a kind."""
    return [fact["text"] for fact in answer["evidence"] if fact["kind"] == kind]


def remaining_s(answer: dict[str, Any], now_ms: int) -> float:
    """Return how many seconds lie before what happens next, by the instant that the answer names."""
    at = datetime.datetime.fromisoformat(answer["happensNext"]["at"])
    return at.timestamp() - now_ms / 1_000
