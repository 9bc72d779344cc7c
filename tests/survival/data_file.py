"""What a data file holds, read without the engine: whole after each death, and at rest."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.invariants import BROKEN

_EVENTS = "SELECT row, id, name, payload, received_ms, source FROM event ORDER BY row"
_RUNS = """
SELECT row, run.id, slug, event_id, status, queued_ms, started_ms, ended_ms, output, error,
    parent_run_id FROM run JOIN function ON function.id = run.function_id ORDER BY row"""
_STEPS = "SELECT run_id, name, memo FROM step ORDER BY seq"
_RUN_EVENTS = "SELECT run_id, event_id FROM run_event ORDER BY run_id, position"
_FAILED_CALLS = """
SELECT run_id, detail FROM history
WHERE kind = 'call.failed' AND json_extract(detail, '$.error.code') IS NOT 'step_errored' ORDER BY seq"""
_NUMBERED = ("event", "run", "step", "history")
_PRUNED = (*_NUMBERED, "run_event")
_PRUNED_WRONGLY = {
    "pruned before it ended": "SELECT id FROM gone_run WHERE ended_ms IS NULL",
    "a step pruned without its run": "SELECT run_id FROM gone_step WHERE run_id IN (SELECT id FROM run)",
    "pruned, and needed": "SELECT id FROM gone_event WHERE id IN (SELECT event_id FROM run)",
}


@dataclass
class DataFile:
    """All that the checks look at. Events and runs are in the order in which they were stored."""

    faults: list[str] = field(default_factory=list)
    """What is wrong with the file as a database, and with what hangs in it."""
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    run_events: dict[str, list[str]] = field(default_factory=dict)
    """The ids of the events of each run."""
    failed_calls: list[str] = field(default_factory=list)
    """Calls to an app that failed, but not because a step of it had."""
    pruned: int = 0
    """How many of the runs are in the archive only."""

    @property
    def memos(self) -> dict[tuple[str, str], str]:
        """The result of each step that has one, by run and name."""
        return {
            (step["run_id"], step["name"]): step["memo"] for step in self.steps if step["memo"] is not None
        }

    @property
    def ends(self) -> dict[str, tuple[str, str | None, str | None]]:
        """How each run ended that has."""
        return {
            run_id: (run["status"], run["output"], run["error"])
            for run_id, run in self.runs.items()
            if run["ended_ms"] is not None
        }

    def runs_of(self, function: str) -> list[dict[str, Any]]:
        return [run for run in self.runs.values() if run["slug"] == f"survival-{function}"]


def copy_of(path: Path, folder: Path) -> Path:
    """Copy a data file that nobody writes, with the log beside it; return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        source, target = Path(f"{path}{suffix}"), Path(f"{folder / path.name}{suffix}")
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copyfile(source, target)
    return folder / path.name


def archive(path: Path) -> None:
    """Let the file keep what is pruned from now on, in the same transactions: `read` then finds it all."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in _PRUNED:
            columns = [f'OLD."{row[1]}"' for row in connection.execute(f"PRAGMA table_xinfo({table})")]
            number = "rowid AS row, " if table in _NUMBERED else ""
            values = ", ".join([*(["OLD.rowid"] if number else []), *columns])
            connection.execute(f"CREATE TABLE gone_{table} AS SELECT {number}* FROM {table} WHERE 0")  # noqa: S608
            connection.execute(
                f"CREATE TRIGGER keep_{table} AFTER DELETE ON {table} "  # noqa: S608
                f"BEGIN INSERT INTO gone_{table} VALUES ({values}); END"
            )


def _all(connection: sqlite3.Connection) -> str:
    """Return what lets a statement see, in place of each table, what was pruned of it as well."""
    known = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    parts = []
    for table in _PRUNED:
        number = "rowid AS row, " if table in _NUMBERED else ""
        more = f" UNION ALL SELECT * FROM gone_{table}" if f"gone_{table}" in known else ""  # noqa: S608
        parts.append(f"{table} AS (SELECT {number}* FROM main.{table}{more})")  # noqa: S608
    return f"WITH {', '.join(parts)} "


def read(path: Path) -> DataFile:
    """Read a data file, and its archive; one that has no tables yet is empty."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")  # pruning goes on at rest, too
        found = DataFile()
        check = connection.execute("PRAGMA integrity_check").fetchall()
        found.faults += [f"integrity: {row[0]}" for row in check if row[0] != "ok"]
        found.faults += [
            f"foreign key: {tuple(row)}" for row in connection.execute("PRAGMA foreign_key_check")
        ]
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'event_sender'").fetchone() is None:
            return found
        for what, statement in BROKEN.items():
            found.faults += [f"{what}: {row[0]}" for row in connection.execute(statement)]
        whole = _all(connection)
        if "gone_run" in whole:
            found.pruned = connection.execute("SELECT count(*) FROM gone_run").fetchone()[0]
            for what, statement in _PRUNED_WRONGLY.items():
                found.faults += [f"{what}: {row[0]}" for row in connection.execute(statement)]
        for row in connection.execute(whole + _EVENTS):
            payload = json.loads(row["payload"])
            found.events[row["id"]] = {**dict(row), "data": payload["data"], "public_id": payload["id"]}
        found.runs = {row["id"]: dict(row) for row in connection.execute(whole + _RUNS)}
        found.steps = [dict(row) for row in connection.execute(whole + _STEPS)]
        found.failed_calls = [f"{row[0]}: {row[1]}" for row in connection.execute(whole + _FAILED_CALLS)]
        several = defaultdict(list)
        for row in connection.execute(whole + _RUN_EVENTS):
            several[row[0]].append(row[1])
        found.run_events = {
            run_id: several.get(run_id, [run["event_id"]]) for run_id, run in found.runs.items()
        }
        return found
