"""Calls of tools on the shipped pages: what is written in JSON is what some tool takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from durable_engine.scenarios.document import ScenarioDocument, read_scenario
from mcp_server.tools.catalog import definitions

ROOT = Path(str(files("docs_index") / "corpus"))
BLOCK = re.compile(r"```json\n(.*?)```", re.DOTALL)
TOOLS = [tool for tools in definitions().values() for tool in tools]
ANSWERS = {"reference/rest-api.md"}
"""Pages whose JSON is what an answer looks like."""
OF_A_TEST = {field.alias or name for name, field in ScenarioDocument.model_fields.items()}


def _takes(tool: Any, arguments: dict[str, Any]) -> bool:
    try:
        tool.fn_metadata.validate_arguments(arguments)
    except ValidationError:
        return False
    return True


def _calls() -> Iterator[Any]:
    """Yield every object whose fields are all arguments of one tool at least; others are no calls."""
    for page in sorted(ROOT.rglob("*.md")):
        if str(page.relative_to(ROOT)) in ANSWERS:
            continue
        for number, text in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
            arguments = json.loads(text)
            if isinstance(arguments, dict) and any(
                arguments.keys() <= tool.parameters["properties"].keys() for tool in TOOLS
            ):
                yield pytest.param(arguments, id=f"{page.relative_to(ROOT)}-{number}")


@pytest.mark.parametrize("arguments", [*_calls()])
def test_a_call_is_taken_by_a_tool_that_has_all_of_its_arguments(arguments: dict[str, Any]) -> None:
    taking = [tool.name for tool in TOOLS if _takes(tool, arguments)]

    assert taking
    if taking == ["test_function"]:
        assert arguments.keys() <= OF_A_TEST
        read_scenario(arguments)
