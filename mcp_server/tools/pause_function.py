"""Tool pause_function: keep a function from running, and let it run again."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.arguments import AppId, FunctionId
from mcp_server.backend import Backend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import CHANGES
from mcp_server.render.functions import pause_answer
from mcp_server.results.functions import PauseResult
from mcp_server.strict import define_tool

Resume = Annotated[bool, Field(description="End the pause, e.g. true.")]
CancelRuns = Annotated[bool, Field(description="Cancel its open runs at once, e.g. true.")]


def make(backend: Backend) -> Tool:
    """Build the tool."""

    async def pause_function(
        function_id: FunctionId,
        app_id: AppId | None = None,
        *,
        resume: Resume = False,
        cancel_runs: CancelRuns = False,
    ) -> Annotated[CallToolResult, PauseResult]:
        """Pause a function or resume it: while paused, events start no runs of it and its open runs rest, for
        7 days at most. Events that come meanwhile are not made up for.

        Use it to stop a loop, or to hold runs while the app is mended. Returns whether it is paused and since
        when. Next: list_functions.
        """
        if resume and cancel_runs:
            raise ToolError("Give resume or cancelRuns, not both: resuming lets open runs go on.")
        with as_tool_errors():
            if resume:
                function = await backend.resume_function(function_id, app=app_id)
            else:
                function = await backend.pause_function(function_id, app=app_id, cancels_runs=cancel_runs)
        return pause_answer(function)

    return define_tool(pause_function, title="Pause or resume function", annotations=CHANGES)
