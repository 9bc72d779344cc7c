"""Tool clear_mocks: let the real steps run again."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.arguments import FunctionId
from mcp_server.backend import EngineBackend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import CHANGES
from mcp_server.render.doubles import clear_answer
from mcp_server.results.doubles import ClearResult
from mcp_server.strict import define_tool

StepId = Annotated[
    str,
    Field(min_length=1, max_length=1_000, description='Only of this step, e.g. "charge".'),
]


def make(backend: EngineBackend) -> Tool:
    """Build the tool."""

    async def clear_mocks(
        function_id: FunctionId | None = None, step_id: StepId | None = None
    ) -> Annotated[CallToolResult, ClearResult]:
        """Remove standing mocks and faults of mock_step: of a function, of one of its steps, or all.

        Returns those removed, each with how often it applied (never: its stepId may be wrong), and those
        left. Next: send_event or invoke_function, to run the real steps.
        """
        with as_tool_errors():
            cleared = await backend.doubles.clear(function_id, step=step_id)
            known = await backend.inventory()
        slugs = {function.id: function.slug for function in known.functions}
        return clear_answer(cleared, known.doubles, slugs, now_ms=known.now_ms)

    return define_tool(clear_mocks, title="Clear mocks", annotations=CHANGES)
