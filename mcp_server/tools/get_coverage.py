"""Tool get_coverage: what the recorded runs of a function have shown, and what not."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.arguments import FunctionId
from mcp_server.backend import Backend
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.render.coverage import coverage_answer
from mcp_server.results.coverage import CoverageResult
from mcp_server.strict import define_tool

Since = Annotated[
    str, Field(max_length=40, description='Only runs since, e.g. "24h" or "2026-11-21T10:00:00Z".')
]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def get_coverage(
        function_id: FunctionId, since: Since | None = None
    ) -> Annotated[CallToolResult, CoverageResult]:
        """Show which steps, branches, failures, retries, time-outs and triggers of a function its newest 200
        runs have shown, and which never.

        Returns counts per step, branches, neverSeen, and suggestions for the next tests. Next: test_function.
        """
        with as_tool_errors():
            found = await backend.coverage.of(function_id, since=since)
        return coverage_answer(found, is_remote=config.is_remote)

    return define_tool(get_coverage, title="Get coverage", annotations=READ_ONLY)
