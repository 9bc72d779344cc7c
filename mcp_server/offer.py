"""Which tools a configuration offers, told before any engine runs."""

from __future__ import annotations

from functools import cache
from typing import Final, cast, get_args

from docs_index import DocsIndex
from mcp_server.backend import Backend
from mcp_server.config import ServerConfig, Toolset
from mcp_server.nearest import did_you_mean
from mcp_server.tools.catalog import all_tools, only_reads

TOOLSETS: Final[tuple[Toolset, ...]] = get_args(Toolset)


class OfferError(Exception):
    """The tools that were asked for cannot be offered; `str()` says which, and what is there."""


@cache
def _reading_by_set() -> dict[Toolset, dict[str, bool]]:
    """Return every tool by toolset, and whether it only reads.

    Tools are defined here and never called, so there is nothing behind them.
    """
    nobody = cast("Backend", None)
    whole = ServerConfig(toolsets=frozenset(TOOLSETS))
    by_set = all_tools(nobody, cast("DocsIndex", None), whole)
    return {toolset: {tool.name: only_reads(tool) for tool in tools} for toolset, tools in by_set.items()}


def offered_names(config: ServerConfig) -> tuple[str, ...]:
    """Return the names of the tools that the configuration offers, in their order."""
    return tuple(
        name
        for toolset, tools in _reading_by_set().items()
        for name, reads in tools.items()
        if toolset in config.toolsets
        and (config.tools is None or name in config.tools)
        and (reads or not config.read_only)
    )


def count_tools() -> int:
    """Return how many tools there are in all toolsets."""
    return sum(map(len, _reading_by_set().values()))


def check_offer(config: ServerConfig) -> None:
    """Look whether everything that was named is offered.

    Raises:
        OfferError: a tool does not exist, or the other options leave it out.
    """
    by_set = _reading_by_set()
    homes = {name: toolset for toolset, tools in by_set.items() for name in tools}
    for name in sorted(config.tools or ()):
        if name not in homes:
            raise OfferError(
                f"There is no tool {name!r}{did_you_mean(name, homes)} Tools: {', '.join(homes)}."
            )
        home = homes[name]
        if home not in config.toolsets:
            chosen = ", ".join(toolset for toolset in TOOLSETS if toolset in config.toolsets)
            raise OfferError(f"{name!r} is in toolset {home!r}, but --toolsets names only {chosen}.")
        if config.read_only and not by_set[home][name]:
            raise OfferError(f"{name!r} is left out by --read-only, because it changes something.")
