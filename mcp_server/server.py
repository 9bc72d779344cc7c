"""Puts the MCP server together: tools, instructions, name and version."""

from __future__ import annotations

from importlib.metadata import version

from docs_index import DocsIndex
from mcp_server.backend import EngineBackend, RunSource
from mcp_server.changes import Changes
from mcp_server.config import ServerConfig
from mcp_server.instructions import instructions
from mcp_server.lookups import EngineLookups
from mcp_server.offering import OfferingServer
from mcp_server.tasks.extension import TasksExtension
from mcp_server.tasks.runs import RunTasks
from mcp_server.tools.catalog import all_tools, offered_tools

SERVER_NAME = "stepcue"
_NO_MIRROR = (
    "mirror_run takes runs from an Inngest server elsewhere, and none is named: start Stepcue with --mirror "
    '(STEPCUE_MIRROR), read_doc path="guides/mirror-a-production-run" says how.'
)


def build_server(
    backend: EngineBackend,
    docs: DocsIndex,
    *,
    config: ServerConfig | None = None,
    mirror: RunSource | None = None,
) -> OfferingServer:
    """Build the MCP server over a backend that runs workflows and an index of the documentation.

    `mirror` is a server elsewhere of which runs can be repeated here.

    A server object serves one HTTP mount (its session manager runs once) or any number of stdio sessions
    one after another, so build a new one for each.

    Raises:
        ValueError: `config.tools` names a tool that does not exist.
    """
    config = config or ServerConfig()
    by_set = all_tools(backend, docs, config, mirror)
    tools = offered_tools(by_set, config)
    offered = [tool.name for tool in tools]
    hidden = [tool.name for members in by_set.values() for tool in members if tool.name not in offered]
    return OfferingServer(
        SERVER_NAME,
        backend,
        docs,
        lookups=EngineLookups(backend),
        config=config,
        changes=Changes(backend),
        tools=tools,
        hidden=hidden,
        elsewhere={} if mirror is not None else {"mirror_run": _NO_MIRROR},
        extensions=[TasksExtension(RunTasks(backend, config, offered, hidden))],
        title="Stepcue: test Inngest workflows",
        instructions=instructions(offered, read_only=config.read_only),
        version=version("stepcue"),
    )
