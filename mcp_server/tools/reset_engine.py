"""Tool reset_engine: start from an empty state."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine.errors import StillCalledError
from mcp_server.arguments import Timeout
from mcp_server.backend import EngineBackend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import CHANGES
from mcp_server.render.snapshots import not_replaced_answer, reset_answer
from mcp_server.results.snapshots import ResetResult
from mcp_server.strict import define_tool

KeepSnapshots = Annotated[bool, Field(description="Keep the snapshots, e.g. false.")]


def make(backend: EngineBackend) -> Tool:
    """Build the tool."""

    async def reset_engine(
        *, keep_snapshots: KeepSnapshots = True, timeout: Timeout = 30
    ) -> Annotated[CallToolResult, ResetResult]:
        """Empty the engine: events, runs, timers, mocks and pauses are deleted for good, its clock is real
        again. Synced functions stay. What may be needed again, keep with snapshot_engine first.

        Returns what is gone. Next: send_event.
        """
        with as_tool_errors():
            try:
                done = await backend.snapshots.reset(keep_snapshots=keep_snapshots, timeout_s=timeout)
            except StillCalledError as refusal:
                return not_replaced_answer(refusal, ResetResult, now_ms=backend.time.now_ms)
            return reset_answer(done)

    return define_tool(reset_engine, title="Reset engine", annotations=CHANGES)
