"""The recipes do what they say: their calls and tests pass, with their app in Python and in TypeScript."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import jsonschema
import pytest
from support.node import APPS, node, packages
from support.pages import Block, blocks
from support.processes import REPOSITORY
from support.recipes import name_of, recipes, shared_fixtures, tool_of, write

CARRIED_OUT_S = 110
COMPILE = ("--outDir", ".", "--module", "nodenext", "--target", "es2022", "--skipLibCheck", "--noCheck")
WRITTEN = REPOSITORY / "tests" / "contract" / "definitions.json"
DEFINITIONS = {tool["name"]: tool["inputSchema"] for tool in json.loads(WRITTEN.read_text(encoding="utf-8"))}
CALLS = [(block, tool) for block in blocks("json") if (tool := tool_of(block)) in DEFINITIONS]


@pytest.mark.parametrize(("block", "tool"), CALLS, ids=lambda value: getattr(value, "name", value))
def test_a_call_on_a_page_is_one_that_the_tool_takes(block: Block, tool: str) -> None:
    jsonschema.validate(json.loads(block.code), DEFINITIONS[tool])


def _failures(folder: Path) -> dict[str, str]:
    """Carry out the tests in a folder; return what failed, by the folder of its page."""
    report = folder / "report.xml"
    options = ("-q", "--import-mode=importlib", f"--junit-xml={report}", "-p", "no:cacheprovider", ".")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=CARRIED_OUT_S,
        check=False,
    )
    assert report.is_file(), done.stdout + done.stderr
    failed: dict[str, str] = {}
    ran = 0
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it just now
        ran += 1
        for problem in (*case.findall("failure"), *case.findall("error")):
            page = str(case.get("classname")).split(".")[0]
            failed[page] = failed.get(page, "") + f"{case.get('name')}: {problem.text}\n"
    assert ran, done.stdout + done.stderr
    return failed


@pytest.fixture(scope="module")
def python_failures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("recipes_python")
    write(folder, "python")
    return _failures(folder)


@pytest.fixture(scope="module")
def typescript_failures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("recipes_typescript")
    modules = packages(APPS / "pages")
    (folder / "node_modules").symlink_to(modules, target_is_directory=True)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "serve.mjs").write_bytes((APPS / "pages" / "serve.mjs").read_bytes())
    write(folder, "typescript")
    sources = [f"{name_of(page)}.ts" for page in recipes("typescript")]
    tsc = modules / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [node(), str(tsc), *COMPILE, *sources], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    (folder / "conftest.py").write_text(shared_fixtures(node(), folder), encoding="utf-8")
    return _failures(folder)


@pytest.mark.parametrize("page", recipes("python"))
def test_a_recipe_holds_in_python(page: str, python_failures: Mapping[str, str]) -> None:
    assert python_failures.get(f"python_{name_of(page)}", "") == ""


@pytest.mark.parametrize("page", recipes("typescript"))
def test_a_recipe_holds_in_typescript(page: str, typescript_failures: Mapping[str, str]) -> None:
    assert typescript_failures.get(f"typescript_{name_of(page)}", "") == ""
