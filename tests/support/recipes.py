"""The recipes of the shipped pages as test files: the page's app, its calls of tools and its tests.

A page's app is its first block in a language. What it calls and does not define is not there, so that a
recipe which lets a step run for real by mistake fails.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from support.pages import ROOT, Block, blocks, camel, unbound, your_names

FOLDER: Final = "testing/"
_CALLED: Final = re.compile(r"`(?P<tool>[a-z]+(?:_[a-z]+)+)`")
_NAMES: Final = """\
def __getattr__(name):
    async def missing(*args):
        raise RuntimeError(f"{name} ran for real: the recipe has to mock its step")
    return missing
"""
_SHARED: Final = """\
import os, re, subprocess, sys
import pytest

@pytest.fixture(scope="session")
def node(stepcue_origin):
    command = __NODE__
    env = {**os.environ, "INNGEST_DEV": stepcue_origin, "NODE_ENV": "test"}
    with subprocess.Popen(command, cwd=__FOLDER__, env=env, stderr=subprocess.PIPE, text=True) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"serving on (http://\\S+)", line):
                break
        else:
            raise RuntimeError("".join(said))
        yield found[1]
        process.kill()
"""
_PYTHON: Final = """\
import pytest

@pytest.fixture
def stepcue_app():
    import fastapi, inngest, inngest.fast_api
    import {module} as page
    app = fastapi.FastAPI()
    made = [value for value in vars(page).values() if isinstance(value, inngest.Function)]
    inngest.fast_api.serve(app, page.client, made)
    return app
"""
_TYPESCRIPT: Final = """\
import pytest

@pytest.fixture
def stepcue_app(node):
    return f"{{node}}/{module}"
"""
_CALLS: Final = """\
import json
import pytest

@pytest.mark.parametrize("call", json.loads({calls!r}), ids=str)
def test_call(stepcue, call):
    stepcue.scenario(call)
"""


def tool_of(block: Block) -> str:
    """Return the tool that a JSON block is a call of: the page's, the one named last above it, or ""."""
    if block.page.startswith("tools/"):
        return block.page.removeprefix("tools/").removesuffix(".md").replace("-", "_")
    above = (ROOT / block.page).read_text(encoding="utf-8").splitlines()[: block.line - 2]
    said: list[str] = []
    for line in reversed(above):
        if line.startswith(("```", "#")):
            break
        said.append(line)
    named = [match["tool"] for line in reversed(said) for match in _CALLED.finditer(line)]
    return named[-1] if named else ""


def recipes(sdk: str) -> list[str]:
    """Return the pages with an app in this SDK and something to do with it."""
    pages = dict.fromkeys(block.page for block in blocks(sdk) if block.page.startswith(FOLDER))
    return [page for page in pages if _app(page, sdk) and (_calls(page) or _tests(page))]


def name_of(page: str) -> str:
    """Return the name of a page's modules."""
    return re.sub(r"\W", "_", page.removeprefix(FOLDER).removesuffix(".md"))


def write(folder: Path, sdk: str) -> None:
    """Write a folder with the fixtures and tests of each recipe, and its app."""
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "your_code.py").write_text(_NAMES, encoding="utf-8")
    for page in recipes(sdk):
        app = _app(page, sdk)
        assert app is not None
        module = name_of(page)
        own = folder / f"{sdk}_{module}"
        own.mkdir()
        fixture = _PYTHON if sdk == "python" else _TYPESCRIPT
        (own / "conftest.py").write_text(fixture.format(module=module), encoding="utf-8")
        if sdk == "python":
            needs = ", ".join(sorted(unbound(app.code)))
            head = f"from your_code import {needs}\n" if needs else ""
            (folder / f"{module}.py").write_text(head + app.code, encoding="utf-8")
        else:
            (folder / f"{module}.ts").write_text(app.code, encoding="utf-8")
        if calls := _calls(page):
            (own / f"test_{sdk}_{module}_calls.py").write_text(
                _CALLS.format(calls=json.dumps(calls)), encoding="utf-8"
            )
        for number, code in enumerate(_tests(page)):
            (own / f"test_{sdk}_{module}_{number}.py").write_text(code, encoding="utf-8")


def shared_fixtures(node: str, folder: Path) -> str:
    """Return the conftest.py that starts one Node.js process for all apps in TypeScript."""
    pages = map(name_of, recipes("typescript"))
    command = [node, "serve.mjs", ",".join(camel(name) for name in your_names()), *pages]
    return _SHARED.replace("__NODE__", repr(command)).replace("__FOLDER__", repr(str(folder)))


_CLIENTS: Final = {"python": "inngest.Inngest(", "typescript": "new Inngest("}


def _app(page: str, sdk: str) -> Block | None:
    found = (block for block in blocks(sdk) if block.page == page and _CLIENTS[sdk] in block.code)
    return next(found, None)


def _tests(page: str) -> list[str]:
    return [block.code for block in blocks("python") if block.page == page and "\ndef test_" in block.code]


def _calls(page: str) -> list[object]:
    found = [block for block in blocks("json") if block.page == page and tool_of(block) == "test_function"]
    return [json.loads(block.code) for block in found]
