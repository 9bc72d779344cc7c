"""A strict server with all that MCP has besides tools: prompts, resources, completions, notifications.

What is relied on inside the MCP SDK (mcp 2.3, pinned by `test_sdk_pins.py`): every `prompts/get` and
`resources/list` of every transport passes `MCPServer.get_prompt` and `MCPServer.list_resources`.
"""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    GetPromptResult,
    InputRequiredResult,
    PromptReference,
    Resource,
    ResourceTemplateReference,
)

from docs_index import DocsIndex
from mcp_server.backend import Backend
from mcp_server.changes import Changes
from mcp_server.clean import one_line
from mcp_server.completions import Completer
from mcp_server.config import ServerConfig
from mcp_server.lookups import Lookups
from mcp_server.nearest import did_you_mean
from mcp_server.prompts.catalog import offered_prompts
from mcp_server.resources.catalog import add_resources
from mcp_server.resources.functions import listed
from mcp_server.strict import StrictServer


class OfferingServer(StrictServer):
    """Offers with its tools what belongs to them."""

    def __init__(
        self,
        name: str,
        backend: Backend,
        docs: DocsIndex,
        *,
        lookups: Lookups,
        config: ServerConfig,
        changes: Changes | None = None,
        **options: Any,
    ) -> None:
        """`changes` tells clients that listen of changes to runs, where somebody tells of them."""
        self._offered = frozenset(tool.name for tool in options["tools"])
        self._lookups = lookups
        if "get_run_status" not in self._offered:
            changes = None
        super().__init__(name, subscriptions=changes or False, **options)
        if changes is not None:
            changes.serve(self)
        for prompt in offered_prompts(backend, lookups, config, self._offered):
            self.add_prompt(prompt)
        add_resources(self, backend, lookups, docs, config=config, offered=self._offered)
        self._complete_with(Completer(lookups, docs))

    async def list_resources(self) -> list[Resource]:
        """List the resources that are always there, then the functions that are synced now."""
        always = await super().list_resources()
        return [*always, *await listed(self._lookups)] if "list_functions" in self._offered else always

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Fill a prompt.

        Raises:
            MCPError: no such prompt, or bad arguments; the text names what would have been right.
        """
        known = {prompt.name: prompt for prompt in await self.list_prompts()}
        if name not in known:
            near = did_you_mean(name, known)
            raise _refusal(
                f"There is no prompt {one_line(name, 80)!r}{near} Prompts: {', '.join(known) or 'none'}."
            )
        taken = {argument.name: argument for argument in known[name].arguments or ()}
        for given in arguments or {}:
            if given not in taken:
                near = did_you_mean(given, taken)
                raise _refusal(
                    f"{name} has no argument {one_line(given, 80)!r}{near} It takes: {_list(taken)}."
                )
        for argument in taken.values():
            if argument.required and not (arguments or {}).get(argument.name, "").strip():
                raise _refusal(f"{name} needs {argument.name}: {argument.description}")
        return await super().get_prompt(name, arguments, context)

    def _complete_with(self, completer: Completer) -> None:
        @self.completion()  # type: ignore[no-untyped-call, untyped-decorator]
        async def complete(
            _ref: PromptReference | ResourceTemplateReference,
            argument: CompletionArgument,
            _context: CompletionContext | None,
        ) -> Completion:
            return await completer.complete(argument.name, argument.value)


def _list(names: dict[str, Any]) -> str:
    return ", ".join(names) or "none"


def _refusal(text: str) -> MCPError:
    return MCPError(INVALID_PARAMS, text)
