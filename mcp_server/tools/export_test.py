"""Tool export_test: write a run down as a test that repeats it."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine.exporting.repeating import repeat
from durable_engine.exporting.writing import Format, write
from mcp_server.arguments import RunId
from mcp_server.backend import Backend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import WRITES
from mcp_server.render.exports import export_answer
from mcp_server.results.exports import ExportResult
from mcp_server.strict import define_tool
from mcp_server.written_tests import PathError, save

Form = Annotated[
    Format,
    Field(description="vitest for TypeScript apps; scenario: JSON for `stepcue test`."),
]
TargetPath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        description='File to write, e.g. "tests/test_order.py"; only one it wrote itself is replaced.',
    ),
]
Mock = Annotated[
    Literal["used", "all"],
    Field(description="Which steps the test mocks: those mocked in the run, or all."),
]


def make(backend: Backend) -> Tool:
    """Build the tool."""

    async def export_test(
        run_id: RunId,
        format: Form = "pytest",  # noqa: A002 - as contracted
        path: TargetPath | None = None,
        mock: Mock = "used",
    ) -> Annotated[CallToolResult, ExportResult]:
        """Write a run that has ended as a test that repeats it: same start, mocks, events and skipped time,
        with checks of status, steps and outputs.

        Steps that ran for real do so in the test, unless mock is "all". Returns the file's text, or its path,
        and what is not compared. Next: run the file.
        """
        with as_tool_errors():
            await backend.get_run(run_id)
            test = repeat(await backend.recordings.of_run(run_id), mocks_all=mock == "all")
        text = write(test, format)
        try:
            saved = None if path is None else save(text, path, format)
        except PathError as fault:
            raise ToolError(str(fault)) from fault
        return export_answer(test, format, text, path=saved)

    return define_tool(export_test, title="Export test", annotations=WRITES)
