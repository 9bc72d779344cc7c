"""The Python apps of the pages pass the tests that stand beside them, on every framework shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from types import ModuleType

import jsonschema
import pytest
from support.pages import Block, blocks
from support.processes import REPOSITORY

from durable_engine.testing.bench import Bench

WRITTEN = REPOSITORY / "tests" / "contract" / "definitions.json"
DEFINITIONS = {tool["name"]: tool["inputSchema"] for tool in json.loads(WRITTEN.read_text(encoding="utf-8"))}
FOLDERS = ("getting-started/", "operations/")


def _scenarios(page: str) -> list[dict[str, object]]:
    """Return the tests on a page: JSON blocks that send an event, without the name that a file may have."""
    found = [json.loads(block.code) for block in blocks("json") if block.page == page]
    return [
        {key: value for key, value in document.items() if key != "name"}
        for document in found
        if isinstance(document, dict) and "event" in document
    ]


def _apps() -> list[Block]:
    """Return the Python blocks that make an app, on pages with tests for it."""
    return [
        block
        for block in blocks("python")
        if block.page.startswith(FOLDERS) and "\napp = " in block.code and _scenarios(block.page)
    ]


def _id(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


# Tornado is neither ASGI nor WSGI.
@pytest.mark.parametrize("block", [block for block in _apps() if "tornado" not in block.code], ids=_id)
def test_an_app_on_a_page_passes_the_tests_beside_it(
    block: Block, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType(block.name)
    monkeypatch.setitem(sys.modules, block.name, module)
    exec(compile(block.code, _id(block), "exec"), vars(module))  # noqa: S102 - our own pages

    with bench.engine(vars(module)["app"]) as stepcue:
        for scenario in _scenarios(block.page):
            stepcue.scenario(scenario)


def test_there_are_such_pages() -> None:
    assert {"getting-started/python.md", "getting-started/first-test.md", "operations/serving-python.md"} <= {
        block.page for block in _apps()
    }


@pytest.mark.parametrize(
    "page", sorted({block.page for block in blocks("json") if block.page.startswith(FOLDERS)})
)
def test_a_test_on_a_page_is_a_call_that_test_function_takes(page: str) -> None:
    for scenario in _scenarios(page):
        jsonschema.validate(scenario, DEFINITIONS["test_function"])
