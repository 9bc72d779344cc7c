"""What assistants are told of the tools, and the written reference of them, change only on purpose."""

from __future__ import annotations

from pathlib import Path

from mcp_server.reference import tool_definitions, tool_reference
from mcp_server.tools.catalog import definitions

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_reference_and_the_snapshot_were_written_from_these_definitions() -> None:
    tools = definitions()
    page = (REPOSITORY / "docs" / "tools.md").read_text(encoding="utf-8")
    snapshot = (REPOSITORY / "tests" / "contract" / "definitions.json").read_text(encoding="utf-8")

    assert page == tool_reference(tools), "write it anew with `make reference`"
    assert snapshot == tool_definitions(tools), "write it anew with `make reference`"
