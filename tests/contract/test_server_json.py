"""`server.json`, which the MCP registry takes: valid, and in step with what is released.

The rules are those of the registry's schema 2025-12-11, and of its checks that no schema holds.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from mcp_server.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
SERVER = json.loads((REPOSITORY / "server.json").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
VERSION = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.-]+)?")
TOP = {
    "$schema": str,
    "_meta": dict,
    "description": str,
    "icons": list,
    "name": str,
    "packages": list,
    "remotes": list,
    "repository": dict,
    "title": str,
    "version": str,
    "websiteUrl": str,
}
PACKAGE = {
    "environmentVariables": list,
    "fileSha256": str,
    "identifier": str,
    "packageArguments": list,
    "registryBaseUrl": str,
    "registryType": str,
    "runtimeArguments": list,
    "runtimeHint": str,
    "transport": dict,
    "version": str,
}
INPUT = {
    "choices": list,
    "default": str,
    "description": str,
    "format": str,
    "isRequired": bool,
    "isSecret": bool,
    "placeholder": str,
    "value": str,
    "variables": dict,
}
ARGUMENT = {**INPUT, "type": str, "name": str, "valueHint": str, "isRepeated": bool}


def _faults(server: dict[str, Any]) -> list[str]:
    return [
        *_fields("server", server, TOP, {"$schema", "name", "description", "version"}),
        *_top(server),
        *(fault for package in server.get("packages", []) for fault in _package(package, server)),
    ]


def _fields(what: str, value: dict[str, Any], known: dict[str, type], needed: set[str]) -> Iterator[str]:
    yield from (f"{what}: {name} is missing" for name in sorted(needed - value.keys()))
    yield from (f"{what}: {name} is not known" for name in value.keys() - known.keys())
    yield from (
        f"{what}: {name} is no {known[name].__name__}"
        for name in value.keys() & known.keys()
        if not isinstance(value[name], known[name])
    )


def _top(server: dict[str, Any]) -> Iterator[str]:
    if server.get("$schema") != SCHEMA:
        yield "another schema"
    if not NAME.fullmatch(server.get("name", "")) or not 3 <= len(server["name"]) <= 200:
        yield "name is not namespace/name"
    for field in ("description", "title"):
        if not 1 <= len(server.get(field, "x")) <= 100:
            yield f"{field} has not 1 to 100 characters"
    if not VERSION.fullmatch(server.get("version", "")):
        yield "version is not one version"


def _package(package: dict[str, Any], server: dict[str, Any]) -> Iterator[str]:
    yield from _fields("package", package, PACKAGE, {"registryType", "identifier", "transport"})
    if package.get("registryType") not in {"npm", "pypi", "oci", "nuget", "mcpb", "cargo"}:
        yield "package: registryType"
    if package.get("version") != server.get("version"):
        yield "package: another version"
    transport = package.get("transport", {}).get("type")
    if transport not in {"stdio", "streamable-http", "sse"}:
        yield "package: transport"
    if transport != "stdio" and "url" not in package.get("transport", {}):
        yield "package: transport without url"
    for argument in package.get("packageArguments", []):
        yield from _fields("argument", argument, ARGUMENT, {"type"})
        needs = {"positional": {"value", "valueHint"}, "named": {"name"}}.get(argument.get("type"), set())
        if not needs & argument.keys():
            yield "argument: says nothing"
    for variable in package.get("environmentVariables", []):
        yield from _fields("variable", variable, {**INPUT, "name": str}, {"name"})


def test_it_keeps_the_rules_of_the_registry() -> None:
    assert _faults(SERVER) == []


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("server", "description", None),
        ("server", "description", "x" * 101),
        ("server", "name", "stepcue"),
        ("server", "version", "^0.1"),
        ("server", "homepage", "x"),
        ("package", "version", "latest"),
        ("package", "transport", None),
        ("package", "registry_type", "pypi"),
        ("argument", "value", None),
        ("variable", "isSecret", "yes"),
    ],
)
def test_the_rules_notice_what_the_registry_would_refuse(part: str, field: str, value: str | None) -> None:
    spoilt = copy.deepcopy(SERVER)
    package = spoilt["packages"][0]
    target = {
        "server": spoilt,
        "package": package,
        "argument": package["packageArguments"][0],
        "variable": package["environmentVariables"][0],
    }[part]
    target.pop(field, None)
    target.update({} if value is None else {field: value})

    assert _faults(spoilt)


def test_it_names_the_version_and_the_package_that_are_released() -> None:
    (package,) = SERVER["packages"]

    assert SERVER["version"] == PROJECT["version"]
    assert package["identifier"] == PROJECT["name"]
    assert PROJECT["name"] in PROJECT["scripts"]


def test_the_readme_and_the_image_prove_whose_it_is() -> None:
    readme = (REPOSITORY / PROJECT["readme"]).read_text(encoding="utf-8")
    image = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")

    assert re.findall(r"mcp-name: (\S+)", readme) == [SERVER["name"]]
    assert re.findall(r'io\.modelcontextprotocol\.server\.name="([^"]+)"', image) == [SERVER["name"]]


def test_its_arguments_and_variables_are_the_commands_own() -> None:
    (package,) = SERVER["packages"]
    (word,) = [argument["value"] for argument in package["packageArguments"]]
    command = main.commands[word]
    variables = {
        parameter.envvar
        for parameter in command.params
        if isinstance(parameter, click.Option) and isinstance(parameter.envvar, str)
    }

    assert {variable["name"] for variable in package["environmentVariables"]} <= variables
