"""What assistants are told of the tools, and the written reference of them, change only on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_server.reference import every_tool, tool_definitions, tool_reference

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.anyio
async def test_the_reference_and_the_snapshot_were_written_from_these_definitions() -> None:
    tools = await every_tool()
    page = (REPOSITORY / "docs" / "tools.md").read_text(encoding="utf-8")
    snapshot = (REPOSITORY / "tests" / "contract" / "definitions.json").read_text(encoding="utf-8")

    assert page == tool_reference(tools), "write it anew with `make reference`"
    assert snapshot == tool_definitions(tools), "write it anew with `make reference`"
