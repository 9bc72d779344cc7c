"""Calls of tools on the pages: each fits its tool, and each test passes on the functions of its page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import jsonschema
import pytest
from support.page_apps import FUNCTION, TypeScriptApps, python_apps, showing, typescript_apps
from support.page_calls import DEFINITIONS, calls_of, tool_of
from support.pages import Block, blocks, pages_of

from durable_engine.scenarios.document import read_scenario
from durable_engine.testing.bench import Bench

WHOLE_APPS = dict.fromkeys(
    (
        "getting-started/first-test.md",
        "getting-started/typescript.md",
        "operations/connect.md",
        "operations/streaming.md",
    ),
    "the app listens on a port of its own: carried out by test_quick_starts.py",
)
NOT_CARRIED_OUT: Mapping[str, Mapping[str, str]] = {
    "python": {
        "operations/connect.md": "a worker of Connect, which Stepcue does not take",
        "steps/fetch.md": "mocks step.fetch, which the Python SDK has not",
    },
    "typescript": {
        **WHOLE_APPS,
        "sdk/testing-libraries.md": "the function stands in a test of Vitest, which is not installed",
    },
}
"""Pages with functions and calls that are not carried out in an SDK, each with the reason."""
OF_ANOTHER_PAGE = {
    "getting-started/docker.md",
    "getting-started/go.md",
    "guides/test-a-workflow.md",
    "operations/dev-and-cloud-mode.md",
    "operations/limits-of-cloud.md",
    "operations/observability.md",
    "sdk/go.md",
    "tools/test-function.md",
    "troubleshooting/tests-flaky.md",
}
"""Pages whose calls are of functions that they do not show, or show in Go."""
FINDS_A_MISTAKE = {"sdk/eslint.md"}
"""Pages whose test fails, because it finds the mistake that they show."""
ANSWERS = {"reference/rest-api.md"}
"""Pages whose JSON is what an answer looks like."""


def _pages(sdk: str) -> list[str]:
    """Return the pages with functions and calls of them."""
    return [
        page
        for page in pages_of(sdk)
        if calls_of(page) and any(FUNCTION[sdk] in block.code for block in blocks(sdk) if block.page == page)
    ]


def _carried_out(sdk: str) -> list[str]:
    return [page for page in _pages(sdk) if page not in NOT_CARRIED_OUT[sdk]]


@pytest.fixture(scope="module")
def bench(few_root_certificates: None) -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


@pytest.fixture(scope="module")
def served(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypeScriptApps]:
    folder = tmp_path_factory.mktemp("pages")
    with typescript_apps(_carried_out("typescript"), folder, bench.origin) as apps:
        yield apps


def _carry_out(page: str, apps: object, bench: Bench) -> None:
    for call in calls_of(page):
        with bench.engine(apps) as stepcue:
            stepcue.scenario(call)


@pytest.mark.parametrize("page", _carried_out("python"))
def test_the_tests_on_a_page_pass_in_python(page: str, bench: Bench) -> None:
    _carry_out(page, python_apps(page), bench)


@pytest.mark.parametrize("page", sorted({*_carried_out("typescript")} - FINDS_A_MISTAKE))
def test_the_tests_on_a_page_pass_in_typescript(page: str, bench: Bench, served: TypeScriptApps) -> None:
    _carry_out(page, served.urls(page), bench)


@pytest.mark.parametrize("page", sorted(FINDS_A_MISTAKE))
def test_the_test_on_a_page_finds_its_mistake(page: str, bench: Bench, served: TypeScriptApps) -> None:
    with pytest.raises(AssertionError, match="not as expected"):
        _carry_out(page, served.urls(page), bench)


@pytest.mark.parametrize("sdk", ["python", "typescript"])
def test_a_recipe_that_does_not_mock_what_is_the_reader_s_fails(
    sdk: str, bench: Bench, served: TypeScriptApps
) -> None:
    page = "testing/approvals.md"
    with bench.engine(python_apps(page) if sdk == "python" else served.urls(page)) as stepcue:
        run = stepcue.test(event="expenses/claimed", data={"claim": "x-1"})

    run.assert_failed("ran for real")


@pytest.mark.parametrize("sdk", ["python", "typescript"])
def test_pages_that_are_not_carried_out_are_known(sdk: str) -> None:
    assert len(_carried_out(sdk)) > 70
    assert [page for page in NOT_CARRIED_OUT[sdk] if page not in _pages(sdk)] == []
    assert [page for page in _carried_out(sdk) if not showing(sdk, page)] == []


def test_pages_with_calls_and_no_functions_are_known() -> None:
    with_functions = {*_pages("python"), *_pages("typescript")}

    assert {page for page in pages_of("json") if calls_of(page)} - with_functions == OF_ANOTHER_PAGE


CALLS = [block for block in blocks("json") if block.page not in ANSWERS]
NAMED = [block for block in CALLS if tool_of(block)]
UNNAMED = [block for block in CALLS if not tool_of(block)]


@pytest.mark.parametrize("block", NAMED, ids=lambda block: f"{block.page}:{block.line}")
def test_a_call_is_one_that_the_tool_named_above_it_takes(block: Block) -> None:
    call, tool = json.loads(block.code), tool_of(block)

    jsonschema.validate(call, DEFINITIONS[tool])
    if tool == "test_function":
        read_scenario(call)


def _fitting(call: object) -> list[str]:
    """Return the tools that have arguments of all these names."""
    named = call.keys() if isinstance(call, dict) else {""}
    return [tool for tool, schema in DEFINITIONS.items() if named <= schema["properties"].keys()]


@pytest.mark.parametrize(
    "block",
    [block for block in UNNAMED if _fitting(json.loads(block.code))],
    ids=lambda block: f"{block.page}:{block.line}",
)
def test_a_call_below_no_tool_is_one_that_some_tool_takes(block: Block) -> None:
    call = json.loads(block.code)
    taking = [
        tool for tool in _fitting(call) if jsonschema.Draft202012Validator(DEFINITIONS[tool]).is_valid(call)
    ]

    assert taking
    if taking == ["test_function"]:
        read_scenario(call)
