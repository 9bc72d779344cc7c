"""The tests that the pages about the SDKs show pass on the Python functions that they show."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from types import ModuleType
from typing import Any

import fastapi
import inngest
import inngest.fast_api
import pytest
from support.pages import blocks, pages_of, unbound

from durable_engine.testing.stepcue import Stepcue


class Answer(str):
    """What the reader's own functions return: a text, to functions that await it and to those that do not."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, str]:
        return str(self)
        yield  # pragma: no cover - makes a generator of it


def _scenarios(page: str) -> list[dict[str, Any]]:
    """Return the calls of `test_function` on a page."""
    shown = [json.loads(block.code) for block in blocks("json") if block.page == page]
    return [block for block in shown if "expect" in block or "mocks" in block or "faults" in block]


SHOWN = [page for page in pages_of("python") if page.startswith("sdk/") and _scenarios(page)]


@pytest.fixture
def stepcue_app(page: str, monkeypatch: pytest.MonkeyPatch) -> fastapi.FastAPI:
    """Return an app with all functions of a page; they belong to one app, made anew in each block."""
    clients: list[inngest.Inngest] = []
    functions: list[inngest.Function[Any]] = []
    for block in blocks("python"):
        if block.page == page:
            module = ModuleType(block.name)
            monkeypatch.setitem(sys.modules, block.name, module)
            vars(module).update({name: lambda *_: Answer("x") for name in unbound(block.code)})
            exec(compile(block.code, block.name, "exec"), vars(module))  # noqa: S102 - our own pages
            clients += [value for value in vars(module).values() if type(value) is inngest.Inngest]
            for value in vars(module).values():
                several = value if isinstance(value, list) else [value]
                functions += [made for made in several if isinstance(made, inngest.Function)]
    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, clients[0], functions)
    return app


@pytest.mark.parametrize("page", SHOWN)
def test_what_a_page_says_about_its_functions_comes_true(page: str, stepcue: Stepcue) -> None:
    for scenario in _scenarios(page):
        stepcue.scenario(scenario)
