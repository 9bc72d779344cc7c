"""What is copied into a snapshot, and what is done to a copy before it takes the place of the state.

The copy is made ready first and put in place in one step of SQLite's own, which a death of the process undoes
or leaves whole. `VACUUM INTO` would not do for a copy: the rowids of runs, which it may change, order lines.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Final

from durable_engine.errors import SchemaVersionError, StorageError
from durable_engine.model.event import HTTP_REQUEST
from durable_engine.model.snapshot import SnapshotView, StateSummary
from durable_engine.storage.belonging import check
from durable_engine.storage.pages import let_shrink
from durable_engine.storage.schema import APPLICATION_ID, migrate
from durable_engine.storage.setting_table import CLOCK_SHIFT_MS
from durable_engine.storage.snapshot_store import SnapshotStore
from durable_engine.storage.tables import Tables

MAX_LOST_SHOWN: Final = 10
_TAKEN_ENGINE_MS: Final = "snapshot_engine_ms"
_TAKEN_WALL_MS: Final = "snapshot_wall_ms"
_RESTORES: Final = "restores"
"""How often the state was replaced: a part of every lease that is handed out afterwards."""
_LEASES: Final = 2**32
"""More leases than an item ever has between two restores."""
_NUMBERED: Final = ("queue_item", "double")
_FENCE: Final = "UPDATE queue_item SET lease = ?"
_SET_SEQUENCE: Final = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"
_AGE_ANEW: Final = "DELETE FROM retention_mark"
"""What ended long ago was not brought back to be pruned at once."""
# The request that began the run of a durable endpoint went on meanwhile, and what it reports is of another
# past: the engine calls the endpoint itself.
_TAKE_OVER: Final = """
UPDATE queue_item SET due_ms = :now_ms
WHERE kind = 'discover' AND attempt = 0 AND due_ms > :now_ms AND run_id IN (
    SELECT run.id FROM run JOIN event ON event.id = run.event_id
    WHERE event.name = :name AND run.status IN ('QUEUED', 'RUNNING'))
"""
_RUNS: Final = "SELECT status, count(*) FROM run GROUP BY status ORDER BY status"
_EVENTS: Final = "SELECT count(*) FROM event WHERE substr(name, 1, 8) != 'inngest/'"
_TIMERS: Final = "SELECT count(*) FROM queue_item WHERE due_ms > ?"
_STARTS: Final = "SELECT count(*) FROM appointment WHERE kind != 'pause'"
_NEWEST_RUNS: Final = "SELECT id FROM run ORDER BY rowid DESC"


def keep(live: sqlite3.Connection, store: SnapshotStore, name: str, *, now_ms: int, wall_ms: int) -> None:
    """Copy the state, and its time with it."""
    with store.keeping(name) as copy:
        live.backup(copy)
        settings = Tables(copy).settings
        settings.set_number(_TAKEN_ENGINE_MS, now_ms)
        settings.set_number(_TAKEN_WALL_MS, wall_ms)


def look_at(store: SnapshotStore, name: str) -> SnapshotView:
    """Return what is known of a snapshot, and what is wrong with it."""
    fault, engine_ms, taken_ms = None, 0, 0
    try:
        with store.opened(name) as copy:
            engine_ms, taken_ms = _times(copy)
    except SchemaVersionError:
        fault = "made by a newer version of Stepcue"
    except (sqlite3.Error, StorageError):
        fault = "damaged, or no snapshot"
    return SnapshotView(name=name, engine_ms=engine_ms, taken_ms=taken_ms, size=store.size(name), fault=fault)


def copy_whole(store: SnapshotStore, name: str, into: sqlite3.Connection) -> None:
    """Copy a snapshot that is whole, and bring it to the current version.

    Raises:
        SchemaVersionError: it was made by a newer version of this program.
        StorageError: it is damaged, or no snapshot.
    """
    try:
        with store.opened(name) as source:
            _times(source)
            source.backup(into)
        _check_pages(into)
        let_shrink(into)
        migrate(into)
    except SchemaVersionError:
        raise SchemaVersionError(
            f"Snapshot {name!r} was made by a newer version of Stepcue; nothing was changed.",
            hint="Update Stepcue, or take a new snapshot.",
        ) from None
    except (StorageError, sqlite3.DatabaseError) as error:
        if _is_of_disk(error):
            raise
        raise StorageError(
            f"Snapshot {name!r} is damaged, or no snapshot of Stepcue ({error}); nothing was changed.",
            hint="Take a new one; snapshot_engine with replace takes its place.",
        ) from None


def copy_registry(live: sqlite3.Connection, into: sqlite3.Connection) -> None:
    """Give a new database the apps and functions that are known, none of them paused."""
    let_shrink(into)
    migrate(into)
    known = Tables(live).registry
    functions = [function for function in known.functions() if not function.is_archived]
    for app in known.apps():
        Tables(into).registry.save(app, [function for function in functions if function.app_name == app.name])


def make_ready(live: sqlite3.Connection, copy: sqlite3.Connection, *, now_ms: int, wall_ms: int) -> None:
    """Let nothing that was handed out before count in the copy, and let its time be `now_ms`."""
    settings = Tables(copy).settings
    restores = max(Tables(live).settings.number(_RESTORES), settings.number(_RESTORES)) + 1
    copy.execute("BEGIN")
    settings.set_number(_RESTORES, restores)
    settings.set_number(CLOCK_SHIFT_MS, now_ms - wall_ms)
    copy.execute(_FENCE, (restores * _LEASES,))
    copy.execute(_AGE_ANEW)
    copy.execute(_TAKE_OVER, {"now_ms": now_ms, "name": HTTP_REQUEST})
    for table in _NUMBERED:
        number = max(_sequence(live, table), _sequence(copy, table))
        copy.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        copy.execute(_SET_SEQUENCE, (table, number))
    copy.execute("COMMIT")


def put_in_place(live: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """Let the copy be the state: all of it, or nothing when this raises or the process dies."""
    copy.backup(live)
    with suppress(sqlite3.Error):
        live.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all pages went through the log


def summary(state: sqlite3.Connection, *, now_ms: int) -> StateSummary:
    """Count what a state holds."""
    return StateSummary(
        runs={row[0]: row[1] for row in state.execute(_RUNS)},
        events=_number(state, _EVENTS),
        timers=_number(state, _TIMERS, now_ms),
        starts=_number(state, _STARTS),
        doubles=len(Tables(state).doubles.standing(now_ms=now_ms)),
    )


def lost_runs(live: sqlite3.Connection, copy: sqlite3.Connection) -> tuple[list[str], int]:
    """Return the newest runs that the copy does not have, a few, and how many there are."""
    kept = {row[0] for row in copy.execute("SELECT id FROM run")}
    newest, count = [], 0
    for row in live.execute(_NEWEST_RUNS):
        if row[0] not in kept:
            count += 1
            if count <= MAX_LOST_SHOWN:
                newest.append(row[0])
    return newest, count


def _times(snapshot: sqlite3.Connection) -> tuple[int, int]:
    """Return the engine's time in a snapshot, and the real one; raises what says that it is none."""
    check(snapshot)
    settings = Tables(snapshot).settings
    times = settings.number(_TAKEN_ENGINE_MS), settings.number(_TAKEN_WALL_MS)
    if _number(snapshot, "PRAGMA application_id") != APPLICATION_ID or 0 in times:
        raise StorageError("it says no time")
    return times


def _check_pages(copy: sqlite3.Connection) -> None:
    fault = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise sqlite3.DatabaseError(fault)


def _is_of_disk(error: Exception) -> bool:
    """Whether an error speaks of the disk, not of what a file holds."""
    code = getattr(error, "sqlite_errorcode", 0)
    is_short = code == sqlite3.SQLITE_IOERR_SHORT_READ
    return code & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR} and not is_short


def _sequence(connection: sqlite3.Connection, table: str) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return 0 if row is None else int(row[0])


def _number(connection: sqlite3.Connection, statement: str, *values: int) -> int:
    return int(connection.execute(statement, values).fetchone()[0])
