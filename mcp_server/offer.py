"""Which tools a configuration offers, told before any engine runs."""

from __future__ import annotations

from mcp_server.config import ServerConfig
from mcp_server.nearest import did_you_mean
from mcp_server.tools.catalog import ONLY_WITH_MIRROR, definitions, offered_tools, only_reads
from mcp_server.toolsets import TOOLSETS


class OfferError(Exception):
    """The tools that were asked for cannot be offered; `str()` says which, and what is there."""


def offered_names(config: ServerConfig) -> tuple[str, ...]:
    """Return the names of the tools that the configuration offers, in their order."""
    return tuple(tool.name for tool in offered_tools(definitions(), config))


def count_tools() -> int:
    """Return how many tools there are in all toolsets."""
    return sum(map(len, definitions().values()))


def check_offer(config: ServerConfig) -> None:
    """Look whether everything that was named is offered.

    Raises:
        OfferError: a tool does not exist, or the other options leave it out.
    """
    tools = {tool.name: tool for members in definitions().values() for tool in members}
    homes = {tool.name: toolset for toolset, members in definitions().items() for tool in members}
    for name in sorted((config.tools or frozenset()) - {ONLY_WITH_MIRROR}):
        if name not in homes:
            raise OfferError(
                f"There is no tool {name!r}{did_you_mean(name, homes)} Tools: {', '.join(homes)}."
            )
        home = homes[name]
        if home not in config.toolsets:
            chosen = ", ".join(toolset for toolset in TOOLSETS if toolset in config.toolsets)
            raise OfferError(f"{name!r} is in toolset {home!r}, but --toolsets names only {chosen}.")
        if config.read_only and not only_reads(tools[name]):
            raise OfferError(f"{name!r} is left out by --read-only, because it changes something.")
