"""The conftest.py of the tests that the recipes show: each on the page's functions in both SDKs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import fastapi
import pytest
from support.page_apps import RECIPES, TypeScriptApps, python_apps, showing, typescript_apps
from support.pages import Block, blocks

SDKS: Final = ("python", "typescript")
OF_CASE: Final = "page and SDK"
"""The property of a case in the report."""
_TEST: Final = re.compile(r"^def test_", re.MULTILINE)


def blocks_with_tests() -> list[Block]:
    """Return the blocks with tests."""
    return [
        block for block in blocks("python") if block.page.startswith(RECIPES) and _TEST.search(block.code)
    ]


_PAGES: Final = {block.name: block.page for block in blocks_with_tests()}
_apps = cache(python_apps)


def sdks_of(page: str) -> list[str]:
    """Return the SDKs in which a page has functions."""
    return [sdk for sdk in SDKS if showing(sdk, page)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each SDK."""
    page = _PAGES[Path(str(metafunc.module.__file__)).stem]
    metafunc.fixturenames.append("stepcue_app")
    metafunc.parametrize(
        "stepcue_app",
        [(page, sdk) for sdk in sdks_of(page)],
        indirect=True,
        ids=sdks_of(page),
    )


@pytest.fixture(scope="session")
def served(stepcue_origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypeScriptApps]:
    """The apps of all these pages on Node.js."""
    pages = [page for page in dict.fromkeys(_PAGES.values()) if "typescript" in sdks_of(page)]
    with typescript_apps(pages, tmp_path_factory.mktemp("pages"), stepcue_origin) as apps:
        yield apps


@pytest.fixture
def stepcue_app(request: pytest.FixtureRequest, stepcue_origin: str) -> list[fastapi.FastAPI] | list[str]:
    """The apps of the page that the test stands on; their clients look for the engine when they are made."""
    page, sdk = request.param
    request.node.user_properties.append((OF_CASE, f"{page} {sdk}"))
    if sdk == "python":
        return _apps(page)
    served: TypeScriptApps = request.getfixturevalue("served")
    return served.urls(page)
