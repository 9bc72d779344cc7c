"""Tool snapshot_engine: keep the whole state, to come back to it."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine.errors import StillCalledError
from mcp_server.arguments import SnapshotName, Timeout
from mcp_server.backend import EngineBackend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import CHANGES
from mcp_server.render.snapshots import not_taken_answer, taken_answer
from mcp_server.results.snapshots import SnapshotResult
from mcp_server.strict import define_tool

Replace = Annotated[bool, Field(description="Overwrite one of this name, e.g. true.")]


def make(backend: EngineBackend) -> Tool:
    """Build the tool."""

    async def snapshot_engine(
        name: SnapshotName, *, replace: Replace = False, timeout: Timeout = 30
    ) -> Annotated[CallToolResult, SnapshotResult]:
        """Keep the whole state of the engine under a name (runs, events, timers, mocks, time), before you try
        something.

        What is due happens first, open calls are waited for. Up to 20 are kept. Returns what was kept, and
        all snapshots. Next: restore_engine.
        """
        with as_tool_errors():
            try:
                taken = await backend.snapshots.take(name, replace=replace, timeout_s=timeout)
            except StillCalledError as refusal:
                return not_taken_answer(refusal, now_ms=backend.time.now_ms)
            return taken_answer(taken)

    return define_tool(snapshot_engine, title="Take snapshot", annotations=CHANGES)
