"""Tool invoke_function: start one function and wait for its result."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from durable_engine import EventReceipt
from mcp_server.arguments import AppId, EventData, EventUser, FunctionId, Timeout
from mcp_server.backend import Backend
from mcp_server.clean import in_json, one_line
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import ACTS
from mcp_server.render.run_detail import invoke_answer
from mcp_server.render.sentences import was_started
from mcp_server.render.times import iso
from mcp_server.results.runs import InvokeResult
from mcp_server.strict import define_tool
from mcp_server.waiting import RunWaiter


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""
    waiter = RunWaiter(backend, interval_s=config.progress_interval_s)

    async def invoke_function(
        function_id: FunctionId,
        context: Context[Any, Any],
        app_id: AppId | None = None,
        data: EventData | None = None,
        user: EventUser | None = None,
        timeout: Timeout = 30,
    ) -> Annotated[CallToolResult, InvokeResult]:
        """Run one workflow function now, without its trigger (cron functions too), and wait for its result.

        To test triggering use send_event.

        Returns runId, status, output or error, and each step with its result and retries. A run that has not
        ended in time goes on; the state so far comes back. Next: poll_run_status, get_run_status.
        """
        with as_tool_errors():
            receipt = await backend.invoke_function(function_id, app=app_id, data=data or {}, user=user)
            run_id = _started(receipt, config.engine_url)
        with as_tool_errors(was_started(run_id)):
            runs = await waiter.wait([run_id], timeout_s=timeout, context=context)
            run = runs.get(run_id) or await backend.get_run(run_id)
        return invoke_answer(run, origin=config.engine_url)

    return define_tool(invoke_function, title="Invoke function", annotations=ACTS)


def _started(receipt: EventReceipt, origin: str) -> str:
    if receipt.started:
        return receipt.started[0].run_id
    missed = next(iter(receipt.not_started), None)
    reason = "the engine gave no reason" if missed is None else one_line(missed.reason, 300)
    if not receipt.event.id:  # a server elsewhere tells no more
        verb = "was not started" if missed is None or missed.decision == "drop" else "does not start at once"
        function = "" if missed is None else f" functionId={in_json(missed.function_slug)}"
        raise ToolError(f"The function {verb}: {reason}. list_runs{function} shows the runs there are.")
    if missed is not None and missed.decision != "drop":
        path = f"{origin}/v1/events/{receipt.event.id}/decisions"
        raise ToolError(
            f"The function does not start at once: {reason}. It does by itself, at {iso(missed.until_ms)} as "
            f"things stand; GET {path} names the run then."
        )
    raise ToolError(
        f"The function was not started: {reason}. "
        f"The invocation was stored as event {receipt.event.id}; list_functions shows the configuration."
    )
