"""Tool compare_runs: two runs, step by step."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine import compare
from mcp_server.backend import Backend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.render.comparisons import compare_answer
from mcp_server.results.comparisons import CompareResult
from mcp_server.strict import define_tool

RunA = Annotated[str, Field(max_length=64, description='One run, e.g. "01JD4Z9Q…".')]
RunB = Annotated[
    str,
    Field(max_length=64, description='The other run, e.g. "01JD4ZB5…".'),
]


def make(backend: Backend) -> Tool:
    """Build the tool."""

    async def compare_runs(run_id_a: RunA, run_id_b: RunB) -> Annotated[CallToolResult, CompareResult]:
        """Compare two runs step by step: a failed run with a good one, a rerun with its original.

        Returns the first differing step, steps of only one, changed inputs, outputs and errors as paths,
        attempts and durations. Next: get_run_status.
        """
        with as_tool_errors():
            return compare_answer(compare(await backend.get_run(run_id_a), await backend.get_run(run_id_b)))

    return define_tool(compare_runs, title="Compare runs", annotations=READ_ONLY)
