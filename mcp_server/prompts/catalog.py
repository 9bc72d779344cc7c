"""All prompts, each offered with the tool that it cannot do without."""

from __future__ import annotations

from collections.abc import Collection

from mcp.server.mcpserver.prompts import Prompt

from mcp_server.backend import Backend
from mcp_server.config import ServerConfig
from mcp_server.lookups import Lookups
from mcp_server.prompts import debug_run, review_function, test_function


def offered_prompts(
    backend: Backend, lookups: Lookups, config: ServerConfig, offered: Collection[str]
) -> list[Prompt]:
    """Return the prompts that make sense with the tools `offered`."""
    prompts = {
        "get_run_status": debug_run.make(backend, config, offered),
        "test_function": test_function.make(lookups, offered),
        "list_functions": review_function.make(backend, lookups, offered),
    }
    return [prompt for tool, prompt in prompts.items() if tool in offered]
