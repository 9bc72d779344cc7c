"""What users can type is written down: options and tools, in the README and in the shipped pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.shipped_docs import shipped_docs

from durable_engine import Engine, EngineConfig
from mcp_server.cli import main, mcp
from mcp_server.docs_command import docs
from mcp_server.later import Later
from mcp_server.server import build_server

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def _options() -> Iterator[str]:
    for command in (*main.commands.values(), *mcp.commands.values(), *docs.commands.values()):
        for parameter in (command.load() if isinstance(command, Later) else command).params:
            if isinstance(parameter, click.Option):
                yield from parameter.opts


@pytest.mark.parametrize("option", sorted(set(_options())))
def test_an_option_is_documented(option: str) -> None:
    page = shipped_docs().read("reference/cli").text

    assert f"`{option}" in README
    assert f"`{option}" in page


@pytest.mark.parametrize("command", sorted(docs.commands))
def test_a_command_on_documentation_is_documented(command: str) -> None:
    page = shipped_docs().read("reference/cli", section="stepcue docs").text

    assert f"`docs {command}" in README
    assert f"stepcue docs {command}" in page


@pytest.mark.anyio
async def test_a_tool_and_each_of_its_arguments_is_documented() -> None:
    docs = shipped_docs()
    async with await Engine.open(EngineConfig()) as engine:
        tools = await build_server(engine, docs).list_tools()

    assert len(tools) == 28
    for tool in tools:
        page = docs.read(f"tools/{tool.name.replace('_', '-')}").text
        (row,) = [line for line in README.splitlines() if line.startswith(f"| `{tool.name}`")]
        for argument in tool.input_schema["properties"]:
            assert f"`{argument}`" in page, (tool.name, argument)
            assert f"`{argument}`" in row, (tool.name, argument)
