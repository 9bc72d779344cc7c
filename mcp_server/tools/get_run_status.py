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
    Field(description="summary cuts payloads at 500 characters; full at 8,000, with fewer steps a page."),
]
Cursor = Annotated[
    str,
    Field(min_length=1, max_length=20, description='nextCursor of the previous page of steps, e.g. "50".'),
]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def get_run_status(
        run_id: RunId, detail: Detail = "summary", cursor: Cursor | None = None
    ) -> Annotated[CallToolResult, RunDetail]:
        """Show one workflow run now: status, every step, retries, errors, and why it waits or failed.

        Use it to debug a run. It does not wait; to wait for the end use poll_run_status.

        Returns status, output or error, the triggering event, and per step its name, id, kind, status,
        attempts, timing, input, output or error, failed attempts with the next retry, waitingFor (what, until
        when, how to satisfy it) and the run it invoked. failedSteps are those beyond this page; `failures` on
        the run are failed calls outside steps, such as an unreachable app; failureHandlerRuns are what its
        failure started; `notes` name what the run uses and this engine lacks. Long payloads are cut, and it
        says so. Next: send_event to satisfy a wait, or poll_run_status.
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
