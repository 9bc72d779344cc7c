"""The toolset compat: names that newer Dev Servers have for what our tools do, with the same answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.arguments import EventData, EventUser, RunId, Timeout
from mcp_server.kinds import ACTS, READ_ONLY
from mcp_server.results.explanation import ExplainResult
from mcp_server.results.functions import ListFunctionsResult
from mcp_server.results.lists import RunListResult
from mcp_server.results.runs import InvokeResult, RunDetail
from mcp_server.strict import define_tool
from mcp_server.tools.explain import EventId
from mcp_server.tools.list_runs import Cursor, Limit, OfApp, OfFunction, Status

IncludeOutput = Annotated[bool, Field(description="Accepted and ignored: outputs are shown, e.g. true.")]
StepsCursor = Annotated[str, Field(max_length=20, description='nextCursor of the page before, e.g. "50".')]


def make(tools: Mapping[str, Tool]) -> list[Tool]:
    """Build the tools over those that do the work, given by name; without one, those over it are left out."""
    makers = (
        (_get_run, "get_run_status"),
        (_get_run_trace, "get_run_status"),
        (_get_event, "explain"),
        (_get_event_runs, "list_runs"),
        (_list_function_runs, "list_runs"),
        (_get_apps, "list_functions"),
        (_invoke_function_sync, "invoke_function"),
    )
    return [made(tools[name]) for made, name in makers if name in tools]


def _get_run(status: Tool) -> Tool:
    async def get_run(
        run_id: RunId,
        *,
        include_output: IncludeOutput = True,  # noqa: ARG001 - scripts pass it
    ) -> Annotated[CallToolResult, RunDetail]:
        """Show one workflow run; another name of get_run_status.

        Returns what get_run_status returns: status, output or error, and each step with what it waits for.
        """
        return await _call(status, run_id=run_id)

    return define_tool(get_run, title="Get run (compat)", annotations=READ_ONLY)


def _get_run_trace(status: Tool) -> Tool:
    async def get_run_trace(
        run_id: RunId,
        cursor: StepsCursor | None = None,
        *,
        include_output: IncludeOutput = True,  # noqa: ARG001 - scripts pass it
    ) -> Annotated[CallToolResult, RunDetail]:
        """Show the steps of one workflow run in full, page by page; another name of get_run_status.

        Returns what get_run_status with detail=full returns: each step with input, output and attempts.
        """
        return await _call(status, run_id=run_id, detail="full", cursor=cursor)

    return define_tool(get_run_trace, title="Get run trace (compat)", annotations=READ_ONLY)


def _get_event(explain: Tool) -> Tool:
    async def get_event(event_id: EventId) -> Annotated[CallToolResult, ExplainResult]:
        """Show what one event did; another name of explain with an eventId. list_events finds events.

        Returns what explain returns: the runs it started, or why it started none, and what to do.
        """
        return await _call(explain, event_id=event_id)

    return define_tool(get_event, title="Get event (compat)", annotations=READ_ONLY)


def _get_event_runs(runs: Tool) -> Tool:
    async def get_event_runs(
        event_id: EventId, cursor: Cursor | None = None, limit: Limit = 20
    ) -> Annotated[CallToolResult, RunListResult]:
        """List the runs that an event started; another name of list_runs with an eventId.

        Returns what list_runs returns: each run with its status, and a short error or what it waits for.
        """
        return await _call(runs, event_id=event_id, cursor=cursor, limit=limit)

    return define_tool(get_event_runs, title="Get event runs (compat)", annotations=READ_ONLY)


def _list_function_runs(runs: Tool) -> Tool:
    async def list_function_runs(
        function_id: OfFunction,
        app_id: OfApp | None = None,
        status: Status | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 20,
    ) -> Annotated[CallToolResult, RunListResult]:
        """List the runs of a function, newest first; another name of list_runs with a functionId.

        Returns what list_runs returns: each run with its status, and a short error or what it waits for.
        """
        return await _call(
            runs, function_id=function_id, app_id=app_id, status=status, cursor=cursor, limit=limit
        )

    return define_tool(list_function_runs, title="List function runs (compat)", annotations=READ_ONLY)


def _get_apps(functions: Tool) -> Tool:
    async def get_apps() -> Annotated[CallToolResult, ListFunctionsResult]:
        """Show the connected apps and their functions; another name of list_functions without arguments.

        Returns what list_functions returns: apps with URL, SDK and reachability, functions with triggers.
        """
        return await _call(functions)

    return define_tool(get_apps, title="Get apps (compat)", annotations=READ_ONLY)


def _invoke_function_sync(invoke: Tool) -> Tool:
    async def invoke_function_sync(
        function_id: OfFunction,
        context: Context[Any, Any],
        app_id: OfApp | None = None,
        data: EventData | None = None,
        user: EventUser | None = None,
        timeout: Timeout = 30,
    ) -> Annotated[CallToolResult, InvokeResult]:
        """Run one workflow function now and wait for its result; another name of invoke_function.

        Returns what invoke_function returns: runId, status, output or error, and each step.
        """
        given = {"app_id": app_id, "data": data, "user": user, "timeout": timeout}
        return await _call(invoke, function_id=function_id, context=context, **given)

    return define_tool(invoke_function_sync, title="Invoke function and wait (compat)", annotations=ACTS)


async def _call(tool: Tool, **arguments: Any) -> CallToolResult:
    result: CallToolResult = await tool.fn(**arguments)
    return result
