"""Query plans of the engine's statements: which of them read a growing table from end to end."""

from __future__ import annotations

import atexit
import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from support.invariants import BROKEN

from durable_engine import storage
from durable_engine.storage import data_file

GROWING = (
    "run|step|queue_item|pause|cancel_trigger|history|event|start_key"
    "|lane|gate|lane_gate|appointment|appointment_event|event_decision|event_effect|event_sender|rate_limit|run_event|double"
)
_STATEMENT = re.compile(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT)\b")
# Read newest-first up to a limit, for an error message; or run once, when the file is opened, or to say
# why time could not be moved as far as asked.
NOT_HOT = {
    "run_table._RECENT_IDS",
    "run_table._OPEN_IDS",
    "queue_table._RELEASE_ALL",
    "queue_table._CALLED_RUNS",
    "lane_table._EXIST",
    "lane_table._NOBODY_RUNS",
    "double_table._EXIST",
    # Standing doubles are few, and those that expired go.
    "double_table._ALL_STANDING",
    "double_table._DELETE_EXPIRED",
}


def _statements() -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(storage.__path__):
        if not module.name.endswith("_table"):
            continue
        names = vars(importlib.import_module(f"{storage.__name__}.{module.name}"))
        for name, value in names.items():
            several = value if isinstance(value, tuple) else (value,)
            for number, sql in enumerate(several):
                if name.isupper() and isinstance(sql, str) and _STATEMENT.match(sql):
                    suffix = f"[{number}]" if several is value else ""
                    yield f"{module.name}.{name}{suffix}", sql.replace("%s", "?, ?")


STATEMENTS = dict(_statements())
"""Every statement that is a constant of a table's module, by its name."""


@cache
def _empty_file() -> sqlite3.Connection:
    connection = data_file.open_database(":memory:")
    atexit.register(connection.close)
    return connection


@cache
def plan(sql: str) -> tuple[str, ...]:
    """Return the plan of a statement on empty tables."""
    named = re.findall(r":(\w+)", sql)
    values: object = dict.fromkeys(named) if named else (None,) * sql.count("?")
    rows = _empty_file().execute(f"EXPLAIN QUERY PLAN {sql}", values)  # type: ignore[arg-type]
    return tuple(row[3] for row in rows)


def scans(sql: str) -> list[str]:
    """Return what a statement does that takes longer the more there is of everything."""
    return [line for line in plan(sql) if re.match(rf"SCAN ({GROWING})\b", line)]


@contextmanager
def statements_of_engines() -> Iterator[set[str]]:
    """Collect the different statements that engines execute which are opened in this block."""
    seen: set[str] = set()

    class Listening(sqlite3.Connection):
        def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
            seen.add(sql)
            return super().execute(sql, *more)

        def executemany(self, sql: str, *more: Any) -> sqlite3.Cursor:
            seen.add(sql)
            return super().executemany(sql, *more)

    connect = sqlite3.connect

    def listening(*arguments: Any, **named: Any) -> sqlite3.Connection:
        return connect(*arguments, **{"factory": Listening, **named})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_file.sqlite3, "connect", listening)
        yield seen


def scanning(statements: set[str]) -> dict[str, list[str]]:
    """Return those that scan and are none of the few that may, with how."""
    may_scan = {STATEMENTS[name] for name in NOT_HOT} | set(BROKEN.values())
    asked = (sql for sql in statements - may_scan if _STATEMENT.match(sql) and "sqlite_" not in sql)
    return {sql: found for sql in asked if (found := scans(sql))}
