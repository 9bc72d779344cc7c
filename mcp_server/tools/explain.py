"""Tool explain: why a run is where it is, or what an event did."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.arguments import RunId
from mcp_server.backend import Backend
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.render.explanation import explain_answer
from mcp_server.results.explanation import ExplainResult
from mcp_server.strict import define_tool

EventId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        description='eventId, or the id its sender gave it, e.g. "order-42".',
    ),
]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def explain(
        run_id: RunId | None = None, event_id: EventId | None = None
    ) -> Annotated[CallToolResult, ExplainResult]:
        """Explain why a run waits, retries, failed or was cancelled, or what an event did and why it started
        nothing. Give runId or eventId.

        Returns the cause, evidence (the user's own stack frame first), what happens next and when, and what
        to do. Next: the first call in whatToDo.
        """
        if (run_id is None) == (event_id is None):
            raise ToolError("Give runId or eventId, one of them: both come from send_event.")
        with as_tool_errors():
            if run_id is not None:
                explanation = await backend.explainer.run(run_id)
            else:
                explanation = await backend.explainer.event(event_id or "")
        return explain_answer(explanation, origin=config.engine_url)

    return define_tool(explain, title="Explain run or event", annotations=READ_ONLY)
