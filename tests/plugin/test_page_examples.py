"""The tests that the pages about the SDKs show pass on the functions that they show, in both languages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import fastapi
import inngest
import inngest.fast_api
import pytest
from support.node import APPS, node, packages
from support.pages import blocks, camel, pages_of, unbound, your_names

from durable_engine.testing.bench import Bench
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


def _shown_in(language: str) -> list[str]:
    return [page for page in pages_of(language) if page.startswith("sdk/") and _scenarios(page)]


WRONG = {"sdk/eslint.md"}
"""Pages whose test finds the mistake that they show."""
NEEDS_MORE = re.compile(r'from "(?:vitest|inngest/react)"')
"""What blocks import that is not installed here."""


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


@pytest.mark.parametrize("page", _shown_in("python"))
def test_what_a_page_says_about_its_python_functions_comes_true(page: str, stepcue: Stepcue) -> None:
    for scenario in _scenarios(page):
        stepcue.scenario(scenario)


def _typescript() -> dict[str, list[str]]:
    """Return the blocks that can run, by the name of their page."""
    found: dict[str, list[str]] = {}
    for block in blocks("typescript"):
        if block.page in _shown_in("typescript") and not NEEDS_MORE.search(block.code):
            found.setdefault(Path(block.page).stem, []).append(block.code)
    return found


@pytest.fixture(scope="module")
def served_pages(stepcue_origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an app on Node.js with the functions of all pages; yields its serve endpoint without the page."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "node_modules").symlink_to(packages(APPS / "pages"), target_is_directory=True)
    shown = {"names": [camel(name) for name in your_names()], "pages": _typescript()}
    (folder / "shown.json").write_text(json.dumps(shown), encoding="utf-8")
    command = [node(), str(APPS / "pages" / "app.mjs"), str(folder)]
    env = {**os.environ, "INNGEST_DEV": stepcue_origin}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
    ) as app:
        assert app.stdout is not None
        try:
            origin = next(line.split(" on ")[1].strip() for line in app.stdout if " on http" in line)
            yield f"{origin}/api/inngest"
        finally:
            app.terminate()


@pytest.mark.parametrize("page", [f"sdk/{name}.md" for name in _typescript()])
def test_what_a_page_says_about_its_typescript_functions_comes_true(
    page: str, served_pages: str, stepcue_bench: Bench
) -> None:
    with stepcue_bench.engine(f"{served_pages}/{Path(page).stem}") as stepcue:
        for scenario in _scenarios(page):
            if page in WRONG:
                with pytest.raises(AssertionError):
                    stepcue.scenario(scenario)
            else:
                stepcue.scenario(scenario)
