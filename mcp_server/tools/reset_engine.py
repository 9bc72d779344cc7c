"""Tool reset_engine: start from an empty state."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine.errors import StillCalledError
from mcp_server.arguments import Timeout
from mcp_server.backend import Backend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import CHANGES
from mcp_server.render.snapshots import not_replaced_answer, reset_answer
from mcp_server.results.snapshots import ResetResult
from mcp_server.strict import define_tool

KeepSnapshots = Annotated[bool, Field(description="Keep the snapshots, e.g. false to delete all of them.")]


def make(backend: Backend) -> Tool:
    """Build the tool."""

    async def reset_engine(
        *, keep_snapshots: KeepSnapshots = True, timeout: Timeout = 30
    ) -> Annotated[CallToolResult, ResetResult]:
        """Empty the engine: all events, runs, history, timers, doubles, pauses, rate limits and debounces are
        deleted for good, and its clock is the real one again. Synced apps and their functions stay.

        Take a snapshot first if anything may be needed again. Open calls to apps are waited for.

        Returns what is gone and the engine's time. Next: send_event.
        """
        with as_tool_errors():
            try:
                done = await backend.snapshots.reset(keep_snapshots=keep_snapshots, timeout_s=timeout)
            except StillCalledError as refusal:
                return not_replaced_answer(refusal, ResetResult, now_ms=backend.time.now_ms)
            return reset_answer(done)

    return define_tool(reset_engine, title="Reset engine", annotations=CHANGES)
