"""The apps of the pages pass the tests that stand beside them, in both SDKs, on the frameworks shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
from support.node import APPS, node, packages
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


def _apps(language: str, makes: str) -> list[Block]:
    """Return the blocks that make an app, on pages with tests for it."""
    return [
        block
        for block in blocks(language)
        if block.page.startswith(FOLDERS) and makes in block.code and _scenarios(block.page)
    ]


def _id(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


# Tornado is neither ASGI nor WSGI.
PYTHON = [block for block in _apps("python", "\napp = ") if "tornado" not in block.code]
TYPESCRIPT = _apps("typescript", ".listen(")


@pytest.mark.parametrize("block", PYTHON, ids=_id)
def test_an_app_on_a_page_passes_the_tests_beside_it(
    block: Block, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType(block.name)
    monkeypatch.setitem(sys.modules, block.name, module)
    exec(compile(block.code, _id(block), "exec"), vars(module))  # noqa: S102 - our own pages

    with bench.engine(vars(module)["app"]) as stepcue:
        for scenario in _scenarios(block.page):
            stepcue.scenario(scenario)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the TypeScript apps as JavaScript, each named after its block."""
    folder = tmp_path_factory.mktemp("quick_starts")
    modules = packages(APPS / "pages")
    (folder / "node_modules").symlink_to(modules, target_is_directory=True)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    for block in TYPESCRIPT:
        (folder / f"{block.name}.ts").write_text(block.code, encoding="utf-8")
    options = ("--module", "nodenext", "--target", "es2022", "--skipLibCheck", "--noCheck")
    sources = [f"{block.name}.ts" for block in TYPESCRIPT]
    command = [node(), str(modules / "typescript" / "bin" / "tsc"), *options, *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return folder


@contextmanager
def _running(file: Path, engine_origin: str) -> Iterator[str]:
    """Run an app for an engine; yields where it serves."""
    command = [node(), "--import", str(APPS / "pages" / "listen.mjs"), str(file)]
    env = {**os.environ, "INNGEST_DEV": engine_origin, "NODE_ENV": "test"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = ""
            for line in process.stderr:
                said += line
                if found := re.search(r"serving on (http://\S+)", line):
                    break
            else:
                pytest.fail(said)
            yield found[1]
        finally:
            process.kill()


@pytest.mark.parametrize("block", TYPESCRIPT, ids=_id)
def test_a_typescript_app_on_a_page_passes_the_tests_beside_it(
    block: Block, bench: Bench, compiled: Path
) -> None:
    with (
        _running(compiled / f"{block.name}.js", bench.origin) as app,
        bench.engine(f"{app}/api/inngest") as stepcue,
    ):
        for scenario in _scenarios(block.page):
            stepcue.scenario(scenario)


def test_there_are_such_pages() -> None:
    python, typescript = ({block.page for block in found} for found in (PYTHON, TYPESCRIPT))

    assert {"getting-started/python.md", "operations/serving-python.md"} <= python
    assert {"getting-started/typescript.md", "operations/serving-typescript.md"} <= typescript
    assert "getting-started/first-test.md" in python & typescript


@pytest.mark.parametrize(
    "page", sorted({block.page for block in blocks("json") if block.page.startswith(FOLDERS)})
)
def test_a_test_on_a_page_is_a_call_that_test_function_takes(page: str) -> None:
    for scenario in _scenarios(page):
        jsonschema.validate(scenario, DEFINITIONS["test_function"])
