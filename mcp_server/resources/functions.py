"""Resource function://{functionId}: what a function is, what it has done, and the list of all."""

from __future__ import annotations

from mcp.server import MCPServer
from mcp.types import Resource

from durable_engine import RunFilter
from mcp_server.backend import Backend
from mcp_server.clean import one_line
from mcp_server.errors import as_resource_errors
from mcp_server.lookups import Lookups
from mcp_server.render.resources import as_text, function_detail
from mcp_server.resources import uris
from mcp_server.resources.safety import NO_PATHS

MAX_LISTED = 100
_RECENT = 10


def add(server: MCPServer, backend: Backend, lookups: Lookups) -> None:
    """Add the template."""

    @server.resource(
        uris.FUNCTION,
        name="function",
        title="Workflow function",
        description="One function: triggers, configuration, the steps that its runs came to, recent runs.",
        mime_type="application/json",
        security=NO_PATHS,
    )
    async def function(functionId: str) -> str:  # noqa: N803 - the template's own name
        with as_resource_errors():
            found = await lookups.function(functionId[: uris.MAX_FUNCTION_ID])
            seen = await lookups.seen_steps(found)
            wanted = RunFilter(function=found.slug, app=found.app_name)
            page = await backend.records.runs(wanted, limit=_RECENT, with_output=True)
            inventory = await backend.inventory()
        return as_text(function_detail(found, inventory, seen, page))


async def listed(lookups: Lookups) -> list[Resource]:
    """Return the functions that are synced now as resources, the first hundred by id."""
    return [
        Resource(
            uri=uris.function_uri(function.slug),
            name=one_line(function.slug, 200),
            title=one_line(function.name, 200),
            description=f"Function of app {one_line(function.app_name, 100)}.",
            mime_type="application/json",
        )
        for function in (await lookups.functions())[:MAX_LISTED]
    ]
