"""The MCP server over a server elsewhere: the same tools, as far as it can, each answer with its name.

Notifications and tasks of clients are of the embedded engine.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, GetPromptResult, InputRequiredResult, TextContent
from pydantic import AnyUrl

from docs_index import DocsIndex
from mcp_server.clean import as_json, one_line
from mcp_server.config import ServerConfig
from mcp_server.instructions import instructions
from mcp_server.offering import OfferingServer
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.pausing import NO_PAUSES, WHERE
from mcp_server.remote_examining import RemoteExaminer
from mcp_server.server import SERVER_NAME
from mcp_server.tools.catalog import ONLY_WITH_MIRROR, definitions, offered_tools, only_reads, remote_tools
from mcp_server.toolsets import Toolset

_SCHEMA = {"type": "string"}
_DESCRIPTIONS = {
    "doctor": "Check the server: which it is, its version and APIs, whether it takes the keys, the "
    "environment, whether it may be changed, apps that are not synced. Only looks, and asks no app. Returns "
    "checks with what was found and the fix, problems first. For one run or event use explain."
}
_WRITE_HERE = frozenset({"export_test"})
"""Tools that change nothing on the server: they write a file of this machine."""


class RemoteServer(OfferingServer):
    """Says with everything about workflows which environment it speaks of."""

    def __init__(
        self, name: str, backend: RemoteBackend, docs: DocsIndex, *, about: Collection[str], **options: Any
    ) -> None:
        """`about` are names of the tools whose answers speak of it."""
        super().__init__(name, backend, docs, lookups=backend.lookups, **options)
        self._remote = backend
        self._about = frozenset(about)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; raises as `StrictServer.call_tool`."""
        name = self.meant(name)
        try:
            answer = await super().call_tool(name, arguments, context)
        except ToolError as error:
            if name not in self._about:
                raise
            text = f"{error} (Environment: {self._environment}.)"
            raise type(error)(text) from error.__cause__
        if name not in self._about or not isinstance(answer, CallToolResult):
            return answer
        return _named(answer, self._environment)

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Fill a prompt; raises as `OfferingServer.get_prompt`."""
        filled = await super().get_prompt(name, arguments, context)
        for message in filled.messages if isinstance(filled, GetPromptResult) else ():
            if isinstance(message.content, TextContent):
                message.content.text += f"\n\nEnvironment: {self._environment}."
        return filled

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource; raises as `MCPServer.read_resource`."""
        found = await super().read_resource(uri, context)
        if isinstance(found, InputRequiredResult):
            return found
        return [_with_name(contents, self._environment) for contents in found]

    @property
    def _environment(self) -> str:
        return one_line(self._remote.environment, 300)


def build_remote_server(backend: RemoteBackend, docs: DocsIndex, *, config: ServerConfig) -> RemoteServer:
    """Build the MCP server over a server elsewhere, as `build_server` does over the embedded engine.

    What needs that engine is not offered unless `config.tools` names it, and says so when it is called.

    Raises:
        ValueError: `config.tools` names a tool that does not exist.
    """
    is_read_only = config.read_only or not backend.may_write
    by_set = remote_tools(backend, docs, config, examined=RemoteExaminer(backend).checks)
    own = {tool.name: tool for tools in by_set.values() for tool in tools}
    if not backend.can_pause:
        del own["pause_function"]
    foreign = [tool for tools in definitions().values() for tool in tools if tool.name not in own]
    whole: dict[Toolset, Sequence[Tool]] = {
        toolset: [own.get(tool.name, tool) for tool in tools] for toolset, tools in definitions().items()
    }
    tools = [
        tool
        for tool in offered_tools(whole, config)
        if (tool.name in own or tool.name in (config.tools or ())) and (backend.may_write or _is_safe(tool))
    ]
    offered = [tool.name for tool in tools]
    workflows = [tool.name for toolset, tools in by_set.items() if toolset != "docs" for tool in tools]
    return RemoteServer(
        SERVER_NAME,
        backend,
        docs,
        about=workflows,
        config=config,
        tools=[_with_environment(tool) if tool.name in workflows else tool for tool in tools],
        hidden=[tool.name for tools in whole.values() for tool in tools if tool.name not in offered],
        elsewhere=_elsewhere(
            foreign, [tool for tool in own.values() if tool.name not in offered], backend, config
        ),
        title="Stepcue: watch Inngest workflows",
        instructions=instructions(offered, read_only=is_read_only, environment=backend.environment),
        version=version("stepcue"),
    )


def _is_safe(tool: Tool) -> bool:
    """Whether a tool leaves the server as it is."""
    return only_reads(tool) or tool.name in _WRITE_HERE


def _elsewhere(
    foreign: Sequence[Tool], left_out: Sequence[Tool], backend: RemoteBackend, config: ServerConfig
) -> Mapping[str, str]:
    """Return what calls of tools are told that cannot work here."""
    said = {
        tool.name: f"{tool.name} needs the embedded engine, and this session is on {backend.environment}: "
        f"start `stepcue dev` without --engine (STEPCUE_ENGINE), connect the app to it, and call it there."
        for tool in foreign
    }
    said[ONLY_WITH_MIRROR] = (
        f"{ONLY_WITH_MIRROR} needs the embedded engine, and this session is on {backend.environment}: start "
        "`stepcue dev` with that server as --mirror instead of --engine, connect the app to it, and call it "
        "there."
    )
    if not backend.can_pause:
        said["pause_function"] = f"{NO_PAUSES} {WHERE}"
    if config.read_only:
        return said
    return said | {
        tool.name: f"{tool.name} would change {backend.environment}, which this Stepcue only reads. If that "
        "is meant, start it with --allow-writes (STEPCUE_ALLOW_WRITES=1)."
        for tool in left_out
        if not _is_safe(tool) and not backend.may_write
    }


def _with_environment(tool: Tool) -> Tool:
    """Return the tool with the field in its output schema that every answer here has besides.

    One that looks at other things here says so.
    """
    metadata = tool.fn_metadata.model_copy()
    schema = dict(metadata.output_schema or {})
    schema["properties"] = {**schema.get("properties", {}), "environment": _SCHEMA}
    metadata.output_schema = schema
    changes: dict[str, Any] = {"fn_metadata": metadata}
    if tool.name in _DESCRIPTIONS:
        changes["description"] = _DESCRIPTIONS[tool.name]
    return tool.model_copy(update=changes)


def _with_name(contents: ReadResourceContents, environment: str) -> ReadResourceContents:
    """Return what was read, with the environment; pages of the documentation are of none."""
    if contents.mime_type != "application/json" or not isinstance(contents.content, str):
        return contents
    facts = {**json.loads(contents.content), "environment": environment}
    return replace(contents, content=as_json(facts))


def _named(answer: CallToolResult, environment: str) -> CallToolResult:
    facts = {**(answer.structured_content or {}), "environment": environment}
    # Code that is shown as it is comes last: nobody is to copy this line with it.
    code = str(facts["code"]) if "code" in facts else ""
    content = [
        block.model_copy(
            update={
                "text": f"{block.text.removesuffix(code).rstrip()}\nenvironment: {environment}"
                + (f"\n\n{code}" if code else "")
            }
        )
        if isinstance(block, TextContent)
        else block
        for block in answer.content
    ]
    return answer.model_copy(update={"structured_content": facts, "content": content})
