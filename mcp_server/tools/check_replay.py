"""Tool check_replay: whether the present code still takes the way that a run took."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.backend import EngineBackend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import PROBES
from mcp_server.render.replays import replay_answer
from mcp_server.results.replays import ReplayResult
from mcp_server.strict import define_tool

Replayed = Annotated[str, Field(max_length=64, description='Run to replay, e.g. "01JD4Z9Q…".')]


def make(backend: EngineBackend) -> Tool:
    """Build the tool."""

    async def check_replay(run_id: Replayed) -> Annotated[CallToolResult, ReplayResult]:
        """Replay the app's present code against a recorded run, to see whether changed code still fits it; no
        step body runs.

        Returns whether it is deterministic, or the first difference: missing, new, renamed or reordered step,
        random id, changed input, other end. Next: rerun.
        """
        with as_tool_errors():
            return replay_answer(await backend.replay.check(run_id))

    return define_tool(check_replay, title="Check replay", annotations=PROBES)
