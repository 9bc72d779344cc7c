"""Tool restore_engine: let the state be as in a snapshot again."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from durable_engine.errors import StillCalledError
from mcp_server.arguments import SnapshotName, Timeout
from mcp_server.backend import EngineBackend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import REPLACES
from mcp_server.render.snapshots import not_replaced_answer, restored_answer
from mcp_server.results.snapshots import RestoreResult
from mcp_server.strict import define_tool


def make(backend: EngineBackend) -> Tool:
    """Build the tool."""

    async def restore_engine(
        name: SnapshotName, timeout: Timeout = 30
    ) -> Annotated[CallToolResult, RestoreResult]:
        """Put the whole engine back to a snapshot, its clock too; everything since is lost.

        Use it to try several fixes from one state. Apps are synced again; what steps did outside (mails,
        databases) is not undone. Returns what is back, what is gone, and the apps. Next: advance_time.
        """
        with as_tool_errors():
            try:
                done = await backend.snapshots.restore(name, timeout_s=timeout)
            except StillCalledError as refusal:
                return not_replaced_answer(refusal, RestoreResult, now_ms=backend.time.now_ms)
            return restored_answer(done)

    return define_tool(restore_engine, title="Restore snapshot", annotations=REPLACES)
