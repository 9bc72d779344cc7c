"""The public face of the engine: complete, documented, and free of the wire."""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from typing import Any

import pytest

import durable_engine

FACE = durable_engine.__all__


def _classes() -> Iterator[type[Any]]:
    for name in FACE:
        value = getattr(durable_engine, name)
        if inspect.isclass(value):
            yield value


def test_the_face_is_sorted_without_repeats_and_everything_on_it_exists() -> None:
    assert list(FACE) == sorted(set(FACE), key=lambda name: (not name.isupper(), name))
    for name in FACE:
        assert hasattr(durable_engine, name)
        assert not name.startswith("_")


def test_nothing_public_is_left_off_the_face() -> None:
    homes = [(home, name) for home, names in durable_engine._HOMES.items() for name in names]

    assert sorted(name for _, name in homes) == sorted(FACE)
    # What type checkers read says the same.
    shown = [
        (statement.module.removeprefix("durable_engine."), alias.name)
        for statement in ast.walk(ast.parse(inspect.getsource(durable_engine)))
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("durable_engine.")
        for alias in statement.names
    ]
    assert homes == shown


def test_an_unknown_name_is_an_attribute_error_and_dir_knows_all_others() -> None:
    assert not hasattr(durable_engine, "Enigne")
    assert set(FACE) <= set(dir(durable_engine))


@pytest.mark.parametrize("kind", list(_classes()), ids=lambda kind: kind.__name__)
def test_every_class_on_the_face_and_its_public_methods_are_documented(kind: type[Any]) -> None:
    assert kind.__doc__
    for name, member in vars(kind).items():
        if name.startswith("_") or not (
            inspect.isfunction(member) or isinstance(member, classmethod | property)
        ):
            continue
        assert inspect.getdoc(getattr(kind, name)) or inspect.getdoc(member), f"{kind.__name__}.{name}"


@pytest.mark.parametrize("kind", list(_classes()), ids=lambda kind: kind.__name__)
def test_values_on_the_face_cannot_be_changed_by_whoever_gets_them(kind: type[Any]) -> None:
    if dataclasses.is_dataclass(kind):
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    if issubclass(kind, enum.Enum):
        assert issubclass(kind, str)


def _types_in(annotation: object) -> Iterator[type[Any]]:
    if inspect.isclass(annotation):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _types_in(argument)


def _hints(kind: type[Any]) -> Iterator[object]:
    if dataclasses.is_dataclass(kind):
        yield from typing.get_type_hints(kind).values()
    for name, member in inspect.getmembers(kind, inspect.isfunction):
        if name in vars(kind) and not name.startswith("_"):
            yield typing.get_type_hints(member).get("return")


def test_whatever_the_engine_hands_out_is_on_the_face_too() -> None:
    handed_out = {found for kind in _classes() for hint in _hints(kind) for found in _types_in(hint)}
    ours = {found.__name__ for found in handed_out if found.__module__.startswith("durable_engine")}
    assert ours >= {"RunView", "EventReceipt", "Inventory"}
    assert ours <= set(FACE)


def test_every_module_of_the_engine_can_be_imported_on_its_own() -> None:
    names = [module.name for module in pkgutil.walk_packages(durable_engine.__path__, "durable_engine.")]
    assert len(names) > 60
    for name in names:
        assert importlib.import_module(name).__doc__, name


def test_importing_the_engine_loads_neither_the_docs_nor_mcp() -> None:
    code = "import sys, durable_engine; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("mcp", "mcp_server", "docs_index", "whoosh", "inngest"):
        assert f"'{name}'" not in loaded
