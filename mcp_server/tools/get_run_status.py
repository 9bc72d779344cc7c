"""Tool get_run_status: one run, now, step by step."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine import RunView
from durable_engine.errors import RunNotFoundError
from mcp_server.arguments import RunId
from mcp_server.backend import Backend
from mcp_server.clean import one_line
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors, describe
from mcp_server.kinds import READ_ONLY
from mcp_server.render.run_detail import run_detail_answer
from mcp_server.render.sentences import event_hint
from mcp_server.results.runs import RunDetail
from mcp_server.strict import define_tool

Detail = Annotated[
    Literal["summary", "full"],
    Field(description="Cut payloads at 500 characters, or at 8,000 with fewer steps a page."),
]
Cursor = Annotated[
    str,
    Field(min_length=1, max_length=20, description='nextCursor of the page before, e.g. "50".'),
]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def get_run_status(
        run_id: RunId, detail: Detail = "summary", cursor: Cursor | None = None
    ) -> Annotated[CallToolResult, RunDetail]:
        """Show one workflow run as it is now, step by step: retries, errors, and why it waits or failed. To
        wait for its end use poll_run_status.

        Returns status, output or error, the event, and per step id, kind, status, attempts, timing, input,
        output, error, failures with the next retry, and waitingFor (what, until when, how to satisfy it).
        Next: explain, or send_event to satisfy a wait.
        """
        with as_tool_errors():
            try:
                run = await backend.get_run(run_id)
            except RunNotFoundError as error:
                raise ToolError(f"{describe(error)}{event_hint([run_id])}") from error
        offset = _offset(run, cursor)
        return run_detail_answer(run, is_full=detail == "full", offset=offset, origin=config.engine_url)

    return define_tool(get_run_status, title="Get run status", annotations=READ_ONLY)


def _offset(run: RunView, cursor: str | None) -> int:
    if cursor is None:
        return 0
    if cursor.isascii() and cursor.isdigit() and int(cursor) < max(1, len(run.steps)):
        return int(cursor)
    raise ToolError(
        f"cursor {one_line(cursor, 20)!r} is not a page of this run, which has {len(run.steps)} steps. "
        "Use the nextCursor of the previous answer, or leave cursor out for the first page."
    )
