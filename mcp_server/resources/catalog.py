"""All resources, each offered with the tool that shows the same."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mcp.server import MCPServer

from docs_index import DocsIndex
from mcp_server.backend import Backend
from mcp_server.config import ServerConfig
from mcp_server.lookups import Lookups
from mcp_server.resources import docs as pages
from mcp_server.resources import functions, runs


def add_resources(
    server: MCPServer[Any],
    backend: Backend,
    lookups: Lookups,
    docs: DocsIndex,
    *,
    config: ServerConfig,
    offered: Collection[str],
) -> None:
    """Add the resources that belong to the tools `offered`."""
    if "get_run_status" in offered:
        runs.add(server, backend, config)
    if "list_functions" in offered:
        functions.add(server, backend, lookups)
    if "read_doc" in offered:
        pages.add(server, docs)
