"""The data file: opening, sharing, versions, damage."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest
from engine_tables import a_function, an_app

from durable_engine.errors import (
    DataFileBusyError,
    DataFileDamagedError,
    EngineClosedError,
    SchemaVersionError,
    StorageError,
)
from durable_engine.storage import schema
from durable_engine.storage.data_file import open_database
from durable_engine.storage.database import Database
from durable_engine.storage.schema import MIGRATIONS

pytestmark = pytest.mark.anyio

_HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def _schema_of(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [("version", *connection.execute("PRAGMA user_version").fetchone()), *rows]
    finally:
        connection.close()


async def test_opening_twice_in_a_row_changes_nothing_and_keeps_what_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "engine.db"
    database = await Database.open(path)
    await database.transact(lambda tables: tables.registry.save(an_app(), [a_function()]))
    await database.close()
    before = _schema_of(path)

    database = await Database.open(path)
    assert await database.read(lambda tables: tables.registry.functions()) == [a_function()]
    await database.close()
    assert _schema_of(path) == before
    assert before[0] == ("version", len(MIGRATIONS))


def test_each_migration_runs_once_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "engine.db"
    open_database(str(path)).close()
    more = ("CREATE TABLE two (x INTEGER) STRICT;", "DROP TABLE two; CREATE TABLE three (x INTEGER) STRICT;")
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, *more))
    for _ in range(2):
        open_database(str(path)).close()
        found = _schema_of(path)
        assert found[0] == ("version", len(MIGRATIONS) + 2)
        names = [row[1] for row in found[1:]]
        assert "three" in names
        assert "two" not in names


async def test_a_file_from_a_newer_program_is_refused_with_a_sentence_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    await (await Database.open(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(SchemaVersionError, match="version 99") as refused:
        await Database.open(path)
    assert "Update Stepcue" in refused.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be one. " * 200, b"SQLite format 3\0"]
)
async def test_a_file_that_is_no_database_is_refused_with_a_sentence_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "engine.db"
    path.write_bytes(content)
    with pytest.raises(DataFileDamagedError, match=r"engine\.db is damaged, or no data file") as refused:
        await Database.open(path)
    assert refused.value.hint
    assert path.read_bytes() == content


async def test_a_folder_is_no_data_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no file that can keep data"):
        await Database.open(tmp_path)


async def test_a_place_where_nothing_can_be_written_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file is no folder") as refused:
        await Database.open(tmp_path / "file" / "engine.db")
    assert "--in-memory" in refused.value.hint


async def test_a_second_engine_in_this_process_is_told_that_the_file_is_in_use(tmp_path: Path) -> None:
    first = await Database.open(tmp_path / "engine.db")
    try:
        with pytest.raises(DataFileBusyError, match="in use by another Stepcue") as busy:
            await Database.open(tmp_path / "engine.db")
        assert "--data FILE" in busy.value.hint
        assert await first.read(lambda tables: tables.registry.apps()) == []
    finally:
        await first.close()
    await (await Database.open(tmp_path / "engine.db")).close()


async def test_a_file_held_by_another_process_is_free_once_that_one_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HOLD,
        f"{path}.lock",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdout is not None
    assert await asyncio.wait_for(other.stdout.readline(), 30) == b"held\n"
    with pytest.raises(DataFileBusyError):
        await Database.open(path)
    other.kill()
    await other.wait()
    await (await Database.open(path)).close()


async def test_a_closed_data_file_takes_no_work_and_closing_again_is_harmless(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "engine.db")
    await database.close()
    await database.close()
    with pytest.raises(EngineClosedError):
        await database.transact(lambda tables: tables.registry.apps())
    with pytest.raises(EngineClosedError):
        await database.read(lambda tables: tables.registry.apps())


async def test_what_was_submitted_before_closing_is_finished_and_answered(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "engine.db")
    writes = [
        asyncio.ensure_future(
            database.transact(lambda tables: tables.registry.save(an_app(), [a_function()]))
        )
        for _ in range(20)
    ]
    await asyncio.sleep(0)
    await database.close()
    assert all(write.done() and write.exception() is None for write in writes)


async def test_readers_cannot_write(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "engine.db")
    with pytest.raises((sqlite3.Error, StorageError)):
        await database.read(lambda tables: tables.registry.save(an_app(), []))
    assert await database.read(lambda tables: tables.registry.apps()) == []
    await database.close()
