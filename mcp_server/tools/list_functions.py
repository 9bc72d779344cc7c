"""Tool list_functions: what can be triggered now."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.backend import Backend
from mcp_server.clean import one_line
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.nearest import did_you_mean
from mcp_server.render.functions import functions_answer
from mcp_server.results.functions import ListFunctionsResult
from mcp_server.strict import define_tool

AppId = Annotated[str, Field(min_length=1, max_length=256, description='Only of this app, e.g. "shop".')]
Query = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        description='Only if id, name or trigger contain this, e.g. "order".',
    ),
]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def list_functions(
        app_id: AppId | None = None, query: Query | None = None
    ) -> Annotated[CallToolResult, ListFunctionsResult]:
        """List the workflow functions that are synced now, and what triggers each; call it first.

        Returns per function its id, app, triggers (event with condition, or cron), retries, cancelOn, flow
        control and pause; per app its URL, SDK, last sync and error; when nothing is synced, how to connect
        the app. Next: test_function, send_event or invoke_function.
        """
        with as_tool_errors():
            inventory = await backend.inventory()
        names = {app.name for app in inventory.apps if app.name} | {f.app_name for f in inventory.functions}
        if app_id is not None and app_id not in names | {app.url for app in inventory.apps}:
            known = ", ".join(sorted(names)) or "none is synced; call list_functions without appId to see why"
            raise ToolError(f"No app {one_line(app_id, 80)!r}{did_you_mean(app_id, names)} Apps: {known}.")
        return functions_answer(
            inventory, app=app_id, query=query, engine_url=config.engine_url, is_remote=config.is_remote
        )

    return define_tool(list_functions, title="List functions", annotations=READ_ONLY)
