"""Settings, variables, fixtures and fields of test files: each is documented as the code has it."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import click
import pytest
from pydantic import BaseModel
from support.page_tables import names, rows, text_of

import pytest_stepcue
from durable_engine import EngineConfig
from durable_engine.maintenance.discovery import PORTS
from durable_engine.model.double import FaultKind
from durable_engine.model.status import RunStatus, StepStatus
from durable_engine.scenarios import document
from durable_engine.scenarios.shapes import SHAPES
from durable_engine.testing.results import RunResult, StepResult
from durable_engine.testing.stepcue import Stepcue
from mcp_server.cli import main, mcp
from mcp_server.testing import files

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("durable_engine", "docs_index", "mcp_server", "pytest_stepcue")
VARIABLE = re.compile(r"(?:STEPCUE|INNGEST|XDG)_[A-Z_]+|CODEX_HOME|APPDATA|PORT")
CONFIGURATION = text_of("reference/configuration")
PLUGIN = text_of("reference/pytest-plugin")
OPTIONS = [option for option in main.commands["dev"].params if isinstance(option, click.Option)]
UNSAID = (
    "none",
    "off",
    "loopback names and `--host`",
    "pages of allowed hosts",
    "all of the toolsets",
    "1GB, in memory 64MB",
)
"""What stands for no default."""
TABLES: dict[str, type[BaseModel]] = {
    "fields-of-a-test": document.ScenarioDocument,
    "mocks": document.MockDocument,
    "outcomes-in-a-sequence": document.OutcomeDocument,
    "fields-of-an-error": document.ErrorDocument,
    "fields-of-an-event-that-ends-a-wait": document.EventDocument,
    "faults": document.FaultDocument,
    "events-sent-while-the-run-waits": document.SentDocument,
    "expectations": document.ExpectDocument,
    "expectations-of-a-step": document.StepDocument,
}


def _listed(section: str) -> list[str]:
    """Return the names in the first column of the first table of a section of the page on test files."""
    text = text_of("reference/test-files", section)
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table is not None
    return [name for row in rows(table[0])[1:] for name in names(row[0])]


def _public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_has_a_row_with_its_variable_and_its_default(option: click.Option) -> None:
    (row,) = [row for row in rows(CONFIGURATION) if set(option.opts) == set(names(row[0]))]

    assert row[1] == (f"`{option.envvar}`" if option.envvar else "\N{EN DASH}")
    if isinstance(option.default, str | int | float | Path) and not option.is_flag:
        assert row[2] == str(option.default)
    elif option.name == "toolsets":
        assert row[2] == "core, testing, docs"
    else:
        assert row[2] in UNSAID


def test_stepcue_mcp_takes_the_same_options() -> None:
    assert [option.opts for option in mcp.params] == [option.opts for option in OPTIONS]


@pytest.mark.parametrize("name", EngineConfig.model_fields)
def test_a_setting_of_the_engine_has_a_row_with_its_default(name: str) -> None:
    (row,) = [row for row in rows(CONFIGURATION) if names(row[0]) == [name]]
    default = EngineConfig.model_fields[name].default

    assert row[1].startswith("none") if default in (None, ()) else row[1] == str(default).lower()


def test_every_port_that_is_searched_is_named() -> None:
    named = {int(port) for port in re.findall(r"\d+", CONFIGURATION)}

    assert set(PORTS) <= named | set(range(3000, 3011)) | set(range(8910, 8916))


def test_every_variable_that_the_code_reads_is_documented() -> None:
    page = text_of("reference/environment-variables")
    trees = [
        ast.parse(file.read_text(encoding="utf-8"))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
    ]
    read = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value)
    }

    assert {"STEPCUE_TOKEN", "INNGEST_SIGNING_KEY", "PORT", "XDG_CACHE_HOME"} <= read
    assert {name for name in read if f"`{name}`" not in page} == set()


def test_every_fixture_and_setting_of_the_plugin_is_documented_and_there_are_no_marks() -> None:
    source = inspect.getsource(pytest_stepcue)
    tree = ast.parse(source)
    fixtures = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    }
    settings = set(re.findall(r'parser\.addini\(\s*"(\w+)"', source))
    listed = {name for row in rows(PLUGIN) for name in names(row[0])}

    assert len(fixtures) == 5
    assert fixtures | settings <= listed
    assert "addinivalue_line" not in source
    assert "addoption(" not in source.replace("pytest_addoption(", "")


@pytest.mark.parametrize("kind", [Stepcue, RunResult, StepResult], ids=lambda kind: kind.__name__)
def test_every_public_call_of_what_a_test_gets_is_named(kind: type) -> None:
    assert {name for name in _public(kind) if not re.search(rf"`{name}\b", PLUGIN)} <= {"engine", "origin"}


@pytest.mark.parametrize("section", TABLES)
def test_the_fields_of_a_test_file_are_those_of_the_model(section: str) -> None:
    fields = TABLES[section].model_fields

    assert sorted(_listed(section)) == sorted(field.alias or name for name, field in fields.items())


def test_kinds_shapes_and_statuses_of_a_test_file_are_those_of_the_code() -> None:
    page = text_of("reference/test-files")
    (kinds,) = [
        part for part in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE) if part.startswith("| kind ")
    ]

    assert [name for row in rows(kinds)[1:] for name in names(row[0])] == [*FaultKind]
    assert set(_listed("shapes-for-values-that-differ")) == set(SHAPES)
    assert set(_listed("one-test-or-several")) == set(files._FIELDS)
    for statuses in (RunStatus, StepStatus):
        words = [status.value for status in statuses]
        assert f"{', '.join(words[:-1])} or {words[-1]}" in page
