"""The calls of `test_function` on pages with functions pass as they stand, with those functions in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import AsyncMock

import fastapi
import inngest
import inngest.fast_api
import pytest
from support.pages import blocks, pages_of, unbound

from durable_engine.testing.bench import Bench

FOLDERS = ("concepts/", "steps/", "guides/")
ABOUT_TYPESCRIPT = {"steps/fetch.md", "steps/wait-for-signal.md"}
"""Pages whose calls are about a step that the Python SDK has not."""


def _calls(page: str) -> list[dict[str, Any]]:
    read = [json.loads(block.code) for block in blocks("json") if block.page == page]
    return [
        call for call in read if call.keys() & {"event", "functionId"} and call.keys() & {"expect", "mocks"}
    ]


def _apps(page: str) -> list[fastapi.FastAPI]:
    """Execute the blocks of a page; return an app for each client id, with its functions."""
    made: dict[str, tuple[inngest.Inngest, list[inngest.Function[Any]]]] = {}
    for block in blocks("python"):
        if block.page == page:
            names: dict[str, Any] = {name: AsyncMock(return_value=None) for name in unbound(block.code)}
            exec(compile(block.code, f"{page}:{block.line}", "exec"), names)  # noqa: S102 - our own pages
            functions = [value for value in names.values() if isinstance(value, inngest.Function)]
            if functions:
                client = names["client"]
                made.setdefault(client.app_id, (client, []))[1].extend(functions)
    apps = []
    for client, functions in made.values():
        app = fastapi.FastAPI()
        inngest.fast_api.serve(app, client, functions)
        apps.append(app)
    return apps


PAGES = [
    page
    for page in pages_of("python")
    if page.startswith(FOLDERS) and page not in ABOUT_TYPESCRIPT and _calls(page)
]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


def test_there_are_such_pages() -> None:
    assert len(PAGES) > 20


@pytest.mark.parametrize("page", PAGES)
def test_the_calls_of_a_page_hold(page: str, bench: Bench) -> None:
    apps = _apps(page)

    for call in _calls(page):
        with bench.engine(apps) as stepcue:
            stepcue.scenario(call)
