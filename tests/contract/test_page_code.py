"""Every code block of the shipped pages: type-checked with the SDKs, executed in Python, parsed otherwise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from unittest.mock import AsyncMock

import inngest
import pytest
from support.node import APPS, node, packages
from support.pages import Block, blocks, camel, declared, pages_of, unbound, your_names
from support.processes import REPOSITORY

LANGUAGES = {"typescript", "tsx", "python", "go", "bash", "json", "toml", "yaml", "ini", "text"}
CHECKED_S = 240
TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "module": "nodenext",
        "target": "es2023",
        "lib": ["es2023", "dom", "dom.iterable"],
        "types": ["node"],
        "jsx": "react-jsx",
        "moduleDetection": "force",
        "skipLibCheck": True,
    },
    "include": ["*.ts", "*.tsx"],
}
# Installing the real one brings native code that has nothing to do here.
VITEST = """\
declare module "vitest" {
  type Body = () => void | Promise<void>;
  export function test(name: string, body: Body): void;
  export function describe(name: string, body: () => void): void;
  export function beforeEach(body: Body): void;
  export function afterEach(body: Body): void;
  export const expect: any;
}
"""
MYPY = f"""\
[mypy]
strict = True
plugins = {REPOSITORY / "tests" / "support" / "event_data.py"}
# What the reader's own functions return is Any here, and nothing to complain about.
warn_return_any = False
# Tests of the reader need no annotations, but what they call is checked.
disallow_untyped_defs = False
disallow_incomplete_defs = False
disallow_untyped_calls = False

# The reader's own package.
[mypy-shop.*]
ignore_missing_imports = True
"""


def _by_page(faults: Iterable[tuple[Block, int, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for block, line, message in faults:
        found.setdefault(block.page, []).append(f"{block.page}:{block.line + line - 1}: {message}")
    return found


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=CHECKED_S, check=False, encoding="utf-8"
    )
    assert done.returncode in (0, 1, 2), done.stdout + done.stderr
    return done.stdout + done.stderr


def _faults(output: str, pattern: str, written: Mapping[str, Block], before: int = 0) -> dict[str, list[str]]:
    """Return the faults of each page; a line that belongs to no block fails the test as it stands."""
    faults: list[tuple[Block, int, str]] = []
    for line in output.splitlines():
        match = re.match(pattern, line)
        if match:
            faults.append((written[match["file"]], int(match["line"]) - before, match["message"]))
        elif not line.startswith((" ", "Found ", "Success")):
            pytest.fail(output)
    return _by_page(faults)


@pytest.fixture(scope="module")
def mypy_faults(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    folder = tmp_path_factory.mktemp("python")
    (folder / "mypy.ini").write_text(MYPY, encoding="utf-8")
    names = "".join(f"{name}: Any\n" for name in your_names())
    (folder / "your_code.pyi").write_text(f"from typing import Any\n{names}", encoding="utf-8")
    written: dict[str, Block] = {}
    for block in blocks("python"):
        # One line before the block, whatever it needs, so that line numbers stay simple.
        needs = ", ".join(sorted(unbound(block.code)))
        head = f"from your_code import {needs}" if needs else ""
        (folder / f"{block.name}.py").write_text(f"{head}\n{block.code}", encoding="utf-8")
        written[f"{block.name}.py"] = block
    cache = REPOSITORY / ".mypy_cache" / "pages"
    output = _run(
        [sys.executable, "-m", "mypy", "--config-file=mypy.ini", f"--cache-dir={cache}", *written], folder
    )
    return _faults(output, r"(?P<file>\w+\.py):(?P<line>\d+): (?P<message>.*)", written, before=1)


@pytest.mark.parametrize("page", pages_of("python"))
def test_python_is_type_correct(page: str, mypy_faults: Mapping[str, list[str]]) -> None:
    assert "\n".join(mypy_faults.get(page, [])) == ""


@pytest.fixture(scope="module")
def tsc_faults(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    folder = tmp_path_factory.mktemp("typescript")
    modules = packages(APPS / "pages")
    (folder / "node_modules").symlink_to(modules, target_is_directory=True)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "tsconfig.json").write_text(json.dumps(TSCONFIG), encoding="utf-8")
    names = "".join(f"  {declared(name)}\n" for name in your_names())
    (folder / "your_code.d.ts").write_text(f"export {{}};\ndeclare global {{\n{names}}}\n", encoding="utf-8")
    (folder / "vitest.d.ts").write_text(VITEST, encoding="utf-8")
    written: dict[str, Block] = {}
    for block in blocks("typescript", "tsx"):
        file = f"{block.name}.{'tsx' if block.language == 'tsx' else 'ts'}"
        (folder / file).write_text(block.code, encoding="utf-8")
        written[file] = block
    tsc = modules / "typescript" / "bin" / "tsc"
    output = _run([node(), str(tsc), "--project", ".", "--pretty", "false"], folder)
    return _faults(output, r"(?P<file>\w+\.tsx?)\((?P<line>\d+),\d+\): (?P<message>.*)", written)


@pytest.mark.parametrize("page", pages_of("typescript", "tsx"))
def test_typescript_is_type_correct(page: str, tsc_faults: Mapping[str, list[str]]) -> None:
    assert "\n".join(tsc_faults.get(page, [])) == ""


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: f"{block.page}:{block.line}")
def test_python_runs_and_its_functions_are_accepted(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports, clients, decorators and serve calls are executed; ids and triggers pass the SDK's checks."""
    monkeypatch.setenv("INNGEST_DEV", "1")
    module = ModuleType(block.name)
    monkeypatch.setitem(sys.modules, block.name, module)
    vars(module).update({name: AsyncMock(name=name) for name in unbound(block.code)})

    exec(compile(block.code, f"{block.page}:{block.line}", "exec"), vars(module))  # noqa: S102 - our own pages

    for value in vars(module).values():
        if isinstance(value, inngest.Function):
            config = value.get_config("http://127.0.0.1:8000/api/inngest").main
            # The handler of failures has none: the engine calls it.
            assert config.triggers or config.id.endswith("-failure")


def test_a_block_says_its_language() -> None:
    assert [
        f"{block.page}:{block.line}: {block.language}"
        for block in blocks()
        if block.language not in LANGUAGES
    ] == []


@pytest.mark.parametrize("block", blocks("json", "toml"), ids=lambda block: f"{block.page}:{block.line}")
def test_data_can_be_read(block: Block) -> None:
    if block.language == "json":
        json.loads(block.code)
    else:
        tomllib.loads(block.code)


@pytest.mark.parametrize("page", pages_of("bash"))
def test_commands_are_well_formed(page: str) -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("There is no bash.")
    for block in blocks("bash"):
        if block.page == page:
            done = subprocess.run(
                [shell, "-n"],
                input=block.code,
                capture_output=True,
                text=True,
                timeout=CHECKED_S,
                check=False,
            )
            assert done.returncode == 0, f"{page}:{block.line}: {done.stderr}"


def test_the_reader_s_own_names_are_used() -> None:
    text = "\n".join(block.code for block in blocks("python", "typescript", "tsx"))

    assert [name for name in your_names() if not re.search(rf"\b(?:{name}|{camel(name)})\b", text)] == []
