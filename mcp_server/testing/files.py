"""Scenario files: one test, or a list of named ones for an app."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from durable_engine.errors import InvalidInputError
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.model import Scenario

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
_FIELDS: Final = ("app", "note", "scenarios")
"""A note is for people."""
_SHAPES: Final = (
    'a test such as {"event": "shop/order.created", "data": {}, "expect": {}}, or {"app": URL, '
    '"scenarios": [{"name": "...", ...}]}'
)


class FileError(Exception):
    """A file cannot be used: a sentence that names the file and the place in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedScenario:
    """A test and what reports call it; `app_url` is where its file says that the app is."""

    file: str
    name: str
    scenario: Scenario
    app_url: str | None = None


def read_files(paths: Sequence[Path]) -> list[NamedScenario]:
    """Read all tests of these files, in order.

    Raises:
        FileError: a file cannot be read, is no JSON, or holds what is no test.
    """
    return [named for path in paths for named in _read_file(path)]


def _read_file(path: Path) -> Iterator[NamedScenario]:
    document = _json_of(path)
    if not isinstance(document, dict):
        raise FileError(f"{path}: a file holds {_SHAPES}.")
    if "scenarios" not in document:
        yield _read(path, str(path), path.stem, document, app_url=None)
        return
    for field in document:
        if field not in _FIELDS:
            raise FileError(f"{path}: {field}: there is no such field; allowed: {', '.join(_FIELDS)}.")
    app_url, scenarios = document.get("app"), document["scenarios"]
    if not isinstance(app_url, str | None):
        raise FileError(f"{path}: app: the URL of the app's serve endpoint is a text.")
    if not isinstance(scenarios, list) or not scenarios:
        raise FileError(f"{path}: scenarios: a list of tests is expected, with at least one.")
    for place, entry in enumerate(scenarios):
        where = f"{path}: scenarios[{place}]"
        if not isinstance(entry, dict):
            raise FileError(f"{where}: a test is an object.")
        name = entry.get("name", f"{path.stem}[{place}]")
        yield _read(path, where, name, entry, app_url=app_url)


def _read(
    path: Path, where: str, name: object, entry: dict[str, Any], *, app_url: str | None
) -> NamedScenario:
    if not isinstance(name, str) or not name.strip():
        raise FileError(f"{where}: name: a text is expected.")
    written = {field: value for field, value in entry.items() if field != "name"}
    try:
        scenario = read_scenario(written)
    except InvalidInputError as fault:
        raise FileError(f"{where}: {fault}") from None
    named = entry.get("name", name)
    return NamedScenario(file=str(path), name=str(named).strip(), scenario=scenario, app_url=app_url)


def _json_of(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FileError(f"{path}: the file is over {MAX_FILE_BYTES // 1024 // 1024} MiB.")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as fault:
        raise FileError(f"{path}:{fault.lineno}:{fault.colno}: this is no JSON: {fault.msg}.") from None
    except UnicodeDecodeError:
        raise FileError(f"{path}: the file is not UTF-8 text.") from None
    except RecursionError:
        raise FileError(f"{path}: the JSON is nested too deeply.") from None
    except OSError as fault:
        raise FileError(f"{path}: the file cannot be read: {fault.strerror or fault}.") from None
