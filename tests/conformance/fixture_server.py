"""The command line of the product, with the fixtures of the conformance suite beside its own tools.

`python -m conformance.fixture_server dev --port 0` is `stepcue dev`: the same factory, mount, security and
strictness. What is put in between is named here: the list of tools grows, and the server that the factory
returns gets prompts, resources and handlers.
"""

from __future__ import annotations

from typing import Any

from conformance import fixture_tools, task_fixtures
from conformance.fixture_offers import add_offers

from mcp_server import cli, server
from mcp_server.strict import StrictServer

MORE_TOOLS = [fixture_tools.TOOLS, task_fixtures.task_tools()]
"""Lists of tools to offer beside the product's; a group of scenarios adds its own."""


def install() -> None:
    """Make every server of this process one with fixtures."""
    task_fixtures.install()
    offered, build = server.offered_tools, server.build_server

    def offered_with_fixtures(*arguments: Any) -> Any:
        return [*offered(*arguments), *(tool for tools in MORE_TOOLS for tool in tools)]

    def build_with_fixtures(*arguments: Any, **options: Any) -> StrictServer:
        built = build(*arguments, **options)
        add_offers(built)
        return built

    server.offered_tools = offered_with_fixtures
    server.build_server = build_with_fixtures


if __name__ == "__main__":
    install()
    cli.main()
