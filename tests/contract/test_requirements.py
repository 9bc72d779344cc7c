"""docs/protocol.md and the tests agree: requirements name tests that exist, and no test is left out."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "protocol.md"
HEADER = ["id", "behaviour", "source", "tests"]
ID = re.compile(r"([A-Z][A-Z0-9]*)-([1-9]\d*)")
SOURCE = r"(documented|protocol|ours|observed \((both|Python|TypeScript( \d(, \d)*)?)\))"
NAME = re.compile(r"`(test_\w+\.py::test_\w+)`")
TOLD = [
    *TESTS.glob("stories/test_*.py"),
    *TESTS.glob("e2e/test_typescript_*.py"),
    *(
        TESTS / "unit" / "engine" / f"test_{name}.py"
        for name in ("endpoints", "run_properties", "stalled_runs")
    ),
]
"""Modules of which every test belongs to a requirement."""


@dataclass(frozen=True)
class Row:
    """One requirement, as it is written."""

    section: str
    cells: list[str]

    @property
    def id(self) -> str:
        """What messages call it, also when it is not well-formed."""
        return self.cells[0]

    @property
    def tests(self) -> list[str]:
        """The tests it names, `file::function`, without the backticks."""
        return [name.strip("`") for name in self.cells[-1].split("<br>")]


def _tables() -> Iterator[tuple[str, list[list[str]]]]:
    """Return the lines of each section's table as cells, its header first."""
    for text in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, body = text.partition("\n")
        lines = [line.strip("|").split("|") for line in body.splitlines() if line.startswith("|")]
        yield title, [[cell.strip() for cell in cells] for cells in lines]


TABLES = list(_tables())
ROWS = [Row(section, cells) for section, lines in TABLES for cells in lines[2:]]


def _tests_in(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f"{path.name}::{node.name}" for node in functions if node.name.startswith("test_")]


def _report(faults: list[str]) -> None:
    assert not faults, "\n" + "\n".join(faults)


def test_every_section_is_a_table_with_ids_of_its_own_in_ascending_order() -> None:
    faults = [
        f"{title!r}: its table needs the columns {HEADER}" for title, lines in TABLES if lines[:1] != [HEADER]
    ]
    prefixes: dict[str, str] = {}
    last: dict[str, int] = {}
    for row in ROWS:
        match = ID.fullmatch(row.id)
        if match is None:
            faults.append(f"{row.section!r}: {row.id!r} is no id; write one like RUN-3")
            continue
        prefix, number = match[1], int(match[2])
        if prefixes.setdefault(row.section, prefix) != prefix:
            faults.append(f"{row.id}: the ids of {row.section!r} begin with {prefixes[row.section]}")
        if number <= last.get(prefix, 0):
            faults.append(f"{row.id}: comes after {prefix}-{last[prefix]}; give it the next free number")
        last[prefix] = number
    shared = [prefix for prefix, sections in Counter(prefixes.values()).items() if sections > 1]
    _report([*faults, *(f"{prefix}: two sections use this prefix; give one another" for prefix in shared)])
    assert len(ROWS) > 150


def test_every_row_is_complete_and_its_source_is_one_that_the_page_explains() -> None:
    faults = []
    for row in ROWS:
        if len(row.cells) != len(HEADER) or not all(row.cells):
            faults.append(f"{row.id}: needs a text in each of the columns {HEADER}, and no '|' in any")
        elif not re.fullmatch(f"{SOURCE}(, {SOURCE})*", row.cells[2]):
            faults.append(f"{row.id}: {row.cells[2]!r} is no source; the top of the page lists them")
    twice = Counter(row.cells[1] for row in ROWS)
    _report([*faults, *(f"written twice: {text!r}" for text, count in twice.items() if count > 1)])


def test_every_test_that_a_requirement_names_exists() -> None:
    known = [name for path in TESTS.rglob("test_*.py") for name in _tests_in(path)]
    faults = [
        f"{name}: two files have this test; rename one" for name, count in Counter(known).items() if count > 1
    ]
    names = set(known)
    for row in ROWS:
        for name in row.tests:
            if not NAME.fullmatch(f"`{name}`"):
                faults.append(
                    f"{row.id}: {name!r} is no test; write `test_file.py::test_name`, without folders"
                )
            elif name not in names:
                near = get_close_matches(name, known, n=1)
                faults.append(f"{row.id}: {name} does not exist; nearest: {near}. Name a test, or write it.")
    _report(faults)


def test_every_test_of_the_protocol_belongs_to_a_requirement() -> None:
    named = {name for row in ROWS for name in row.tests}
    told = [name for path in TOLD for name in _tests_in(path)]
    missing = [name for name in told if name not in named]
    _report([f"{name}: add it to a row of docs/protocol.md, or a row for it" for name in missing])
