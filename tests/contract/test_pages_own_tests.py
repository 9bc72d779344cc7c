"""The tests that the recipes show pass as they stand, on the functions of their page in both SDKs."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import pytest
from support.page_tests import OF_CASE, SDKS, blocks_with_tests, sdks_of
from support.processes import REPOSITORY

CARRIED_OUT_S = 240
CONFTEST = "from support.page_tests import pytest_generate_tests, served, stepcue_app\n"
BLOCKS = blocks_with_tests()
CASES = [f"{page} {sdk}" for page in dict.fromkeys(block.page for block in BLOCKS) for sdk in sdks_of(page)]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """What went wrong, by page and SDK; nothing is there of those that did not run."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "pytest.ini").write_text("[pytest]\npython_files = *.py\n", encoding="utf-8")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    for block in BLOCKS:
        (folder / f"{block.name}.py").write_text(block.code, encoding="utf-8")
    report = folder / "report.xml"
    options = ("-q", f"--junit-xml={report}", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")},
        capture_output=True,
        text=True,
        timeout=CARRIED_OUT_S,
        check=False,
    )
    assert report.is_file(), done.stdout + done.stderr
    found: dict[str, list[str]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it just now
        named = case.find(f"properties/property[@name='{OF_CASE}']")
        assert named is not None, done.stdout + done.stderr
        problems = found.setdefault(named.attrib["value"], [])
        problems += [
            f"{case.get('name')}: {problem.text}"
            for tag in ("failure", "error", "skipped")
            for problem in case.iter(tag)
        ]
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_tests_of_a_recipe_pass(case: str, outcomes: Mapping[str, list[str]]) -> None:
    assert outcomes[case] == []


def test_there_are_recipes_in_both_sdks() -> None:
    assert all(sdks_of(block.page) for block in BLOCKS)
    assert all(sum(case.endswith(sdk) for case in CASES) > 10 for sdk in SDKS)
