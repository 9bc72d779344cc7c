"""Every anticipated error becomes text that says what to do."""

from collections.abc import Iterator

import pytest
from mcp.server.mcpserver.exceptions import ToolError

from docs_index import DocsIndexError, PageNotFoundError
from durable_engine.errors import DurableEngineError, RunNotFoundError
from mcp_server.errors import WHAT_TO_DO, as_tool_errors, describe


def family(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Yield the errors of the engine, or of the index; those of servers elsewhere always bring a hint."""
    yield kind
    for child in kind.__subclasses__():
        if not child.__module__.startswith("mcp_server.remote"):
            yield from family(child)


@pytest.mark.parametrize("kind", list(family(DurableEngineError)))
def test_every_error_of_the_engine_has_its_own_advice(kind):
    assert WHAT_TO_DO[kind]


@pytest.mark.parametrize("kind", [*family(DurableEngineError), *family(DocsIndexError)])
def test_every_error_says_what_was_wrong_and_what_to_do(kind):
    with pytest.raises(ToolError) as caught, as_tool_errors():
        raise kind("something is off")

    wrong, _, advice = str(caught.value).partition(". ")
    assert wrong == "Something is off"
    assert advice.endswith(".")


def test_an_error_with_a_hint_of_its_own_gives_that():
    assert describe(RunNotFoundError("No run x", nearest=["y"], hint="Look again")) == (
        "No run x. Nearest: y. Look again."
    )


def test_names_that_the_hint_tells_are_not_told_twice():
    assert describe(RunNotFoundError("No run x.", nearest=["y"], hint="Try y.")) == "No run x. Try y."


def test_nearest_pages_are_named():
    assert "Nearest: p/a, p/b." in describe(PageNotFoundError("No page x.", nearest=["p/a", "p/b"]))


def test_other_exceptions_pass():
    with pytest.raises(KeyError), as_tool_errors():
        raise KeyError("x")
