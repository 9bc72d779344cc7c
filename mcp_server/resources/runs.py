"""Resources run://{runId} and run://recent: one run as get_run_status shows it, and the newest ones."""

from __future__ import annotations

from mcp.server import MCPServer

from mcp_server.backend import Backend
from mcp_server.config import ServerConfig
from mcp_server.errors import as_resource_errors
from mcp_server.render.resources import as_text, recent_runs
from mcp_server.render.run_detail import run_detail_answer
from mcp_server.resources import uris
from mcp_server.resources.safety import NO_PATHS

_RECENT = 20


def add(server: MCPServer, backend: Backend, config: ServerConfig) -> None:
    """Add the resources."""

    @server.resource(
        uris.RUN,
        name="run",
        title="Workflow run",
        description="One run now: status, steps, errors, what it waits for; as get_run_status shows it.",
        mime_type="application/json",
        security=NO_PATHS,
    )
    async def run(runId: str) -> str:  # noqa: N803 - the template's own name
        with as_resource_errors():
            view = await backend.get_run(runId[: uris.MAX_RUN_ID])
        return as_text(run_detail_answer(view, is_full=False, offset=0, origin=config.engine_url))

    @server.resource(
        uris.RECENT_RUNS,
        name="recent-runs",
        title="Recent runs",
        description=f"The {_RECENT} newest workflow runs: id, function, status, error.",
        mime_type="application/json",
    )
    async def recent() -> str:
        with as_resource_errors():
            page = await backend.records.runs(limit=_RECENT, with_output=True)
        return as_text(recent_runs(page))
