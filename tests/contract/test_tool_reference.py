"""The written reference of the tools is what their definitions say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from docs_index import DocsIndex
from durable_engine import Engine, EngineConfig
from mcp_server.config import ServerConfig, Toolset
from mcp_server.reference import tool_reference
from mcp_server.tools.catalog import all_tools

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tools.md"


@pytest.mark.anyio
async def test_the_reference_was_written_from_these_definitions() -> None:
    everything = ServerConfig(toolsets=frozenset(get_args(Toolset)))
    async with await Engine.open(EngineConfig()) as engine:
        tools = all_tools(engine, DocsIndex.open(), everything)

    assert PAGE.read_text(encoding="utf-8") == tool_reference(tools), "write it anew with `make reference`"
    for members in tools.values():
        for tool in members:
            assert f"### {tool.name}\n" in PAGE.read_text(encoding="utf-8")
