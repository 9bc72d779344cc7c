"""The apps of the pages pass the tests that stand beside them, in both SDKs, on the frameworks shown."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from support.node import APPS, node, packages
from support.page_apps import running
from support.page_calls import calls_of
from support.pages import Block, blocks

from durable_engine.testing.bench import Bench

FOLDERS = ("getting-started/", "operations/")


def _apps(language: str, makes: str) -> list[Block]:
    """Return the blocks that make an app, on pages with tests for it."""
    return [
        block
        for block in blocks(language)
        if block.page.startswith(FOLDERS) and makes in block.code and calls_of(block.page)
    ]


def _id(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.fixture(scope="module")
def bench(few_root_certificates: None) -> Iterator[Bench]:
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
        for scenario in calls_of(block.page):
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
    with running(["--import", str(APPS / "pages" / "listen.mjs"), str(file)], engine_origin) as printed:
        said = ""
        for line in printed:
            said += line
            if found := re.search(r"serving on (http://\S+)", line):
                break
        else:
            pytest.fail(said)
        yield found[1]


@pytest.mark.parametrize("block", TYPESCRIPT, ids=_id)
def test_a_typescript_app_on_a_page_passes_the_tests_beside_it(
    block: Block, bench: Bench, compiled: Path
) -> None:
    with (
        _running(compiled / f"{block.name}.js", bench.origin) as app,
        bench.engine(f"{app}/api/inngest") as stepcue,
    ):
        for scenario in calls_of(block.page):
            stepcue.scenario(scenario)


def test_there_are_such_pages() -> None:
    python, typescript = ({block.page for block in found} for found in (PYTHON, TYPESCRIPT))

    assert {"getting-started/python.md", "operations/serving-python.md"} <= python
    assert {"getting-started/typescript.md", "operations/serving-typescript.md"} <= typescript
    assert "getting-started/first-test.md" in python & typescript
