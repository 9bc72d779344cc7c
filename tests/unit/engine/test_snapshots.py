"""Snapshots: their names, their files, what is refused, and that nothing is ever half done."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent
from durable_engine.errors import (
    EngineClosedError,
    InvalidInputError,
    SchemaVersionError,
    SnapshotExistsError,
    SnapshotNotFoundError,
    StillCalledError,
    StorageError,
)
from durable_engine.storage import schema
from durable_engine.storage.schema import MIGRATIONS

pytestmark = pytest.mark.anyio

NOW_MS = 1_800_000_000_000


async def _send(engine: Engine, count: int, size: int = 10) -> None:
    await engine.send_events([NewEvent(name="t/x", data={"text": "x" * size}) for _ in range(count)])


async def _count(engine: Engine) -> int:
    return await engine._database.read(
        lambda tables: int(tables.runs._connection.execute("SELECT count(*) FROM event").fetchone()[0])
    )


@pytest.fixture(name="file")
def data_file(tmp_path: Path) -> Path:
    return tmp_path / "engine.db"


@pytest.fixture(name="engine")
async def one_engine(file: Path) -> AsyncIterator[Engine]:
    async with await Engine.open(EngineConfig(data_file=file), clock=ManualClock(NOW_MS)) as engine:
        yield engine


def _snapshot_file(file: Path, name: str) -> Path:
    return file.with_name(f"{file.name}.snapshots") / f"{name}.db"


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "../a", "a.db", "ä", "a\n", "a/b"])
async def test_a_name_that_is_none_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be the name"):
        await engine.snapshots.take(name)
    with pytest.raises(SnapshotNotFoundError):
        await engine.snapshots.restore(name)
    assert await engine.snapshots.list() == ()


async def test_a_name_is_used_twice_only_when_it_is_to_be_replaced(engine: Engine) -> None:
    await _send(engine, 1)
    assert not (await engine.snapshots.take("a-B_9")).replaced
    await _send(engine, 1)
    with pytest.raises(SnapshotExistsError, match="already"):
        await engine.snapshots.take("a-B_9")
    await engine.snapshots.restore("a-B_9")
    assert await _count(engine) == 1
    await _send(engine, 4)
    taken = await engine.snapshots.take("a-B_9", replace=True)
    assert taken.replaced
    assert taken.summary.events == 5
    await engine.snapshots.restore("a-B_9")
    assert await _count(engine) == 5


async def test_there_are_20_at_most_and_one_can_be_dropped(engine: Engine) -> None:
    for number in range(20):
        await engine.snapshots.take(f"s{number}")
    with pytest.raises(SnapshotExistsError, match=r"20 snapshots already.*s7"):
        await engine.snapshots.take("more")
    await engine.snapshots.take("s3", replace=True)
    await engine.snapshots.drop("s3")
    with pytest.raises(SnapshotNotFoundError) as refusal:
        await engine.snapshots.drop("s3")
    assert "s13" in refusal.value.nearest
    await engine.snapshots.take("more")
    assert len(await engine.snapshots.list()) == 20


async def test_nobody_else_may_read_the_files_and_nothing_else_is_left(engine: Engine, file: Path) -> None:
    await _send(engine, 3)
    folder = _snapshot_file(file, "one").parent
    taken = await engine.snapshots.take("one")
    (folder / "tmpdead.part").write_text("of a process that died")
    (folder / "tmpdead.part-journal").write_text("too")
    (folder / "a note.db").write_text("somebody's own")
    await engine.snapshots.restore("one")

    assert sorted(path.name for path in folder.iterdir()) == ["a note.db", "one.db"]
    path = _snapshot_file(file, "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (found,) = await engine.snapshots.list()
    assert found == taken.snapshot
    assert (found.engine_ms, found.size, found.fault) == (NOW_MS, path.stat().st_size, None)


async def _replace_schema_version(path: Path, version: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


async def _is_refused(engine: Engine, error: type[Exception], words: str) -> None:
    await _send(engine, 2)
    before = await _count(engine)
    with pytest.raises(error, match=words) as refusal:
        await engine.snapshots.restore("one")
    assert "othing was changed" in str(refusal.value)
    assert await _count(engine) == before
    (found,) = await engine.snapshots.list()
    assert found.fault
    await _send(engine, 1)
    await engine.snapshots.take("one", replace=True)
    await engine.snapshots.restore("one")
    assert await _count(engine) == before + 1


async def test_a_snapshot_of_a_newer_version_is_refused(engine: Engine, file: Path) -> None:
    await engine.snapshots.take("one")
    await _replace_schema_version(_snapshot_file(file, "one"), len(MIGRATIONS) + 1)
    await _is_refused(engine, SchemaVersionError, "newer version of Stepcue")


async def test_a_snapshot_of_an_older_version_is_brought_up_to_date(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _send(engine, 2)
    await engine.snapshots.take("one")
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE later (x INTEGER) STRICT;"))
    await engine.snapshots.restore("one")
    assert await _count(engine) == 2
    await engine._database.transact(lambda tables: tables.runs._connection.execute("SELECT * FROM later"))


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "scribble", "stranger"])
async def test_a_damaged_snapshot_is_refused(engine: Engine, file: Path, damage: str) -> None:
    await _send(engine, 50, size=1_000)
    await engine.snapshots.take("one")
    path = _snapshot_file(file, "one")
    whole = path.read_bytes()
    if damage == "stranger":
        path.unlink()
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE strange (x)")
        connection.close()
    else:
        middle = len(whole) // 2
        damaged = {
            "text": b"no database at all" * 100,
            "empty": b"",
            "cut": whole[: middle // 4096 * 4096 + 7],
            "scribble": whole[:4096] + b"\xa5" * (len(whole) - 4096),
        }
        path.write_bytes(damaged[damage])
    await _send(engine, 2)
    before = await _count(engine)
    with pytest.raises(StorageError, match=r"(?s)'one' is damaged.*[Nn]othing was changed"):
        await engine.snapshots.restore("one")
    assert await _count(engine) == before
    await _send(engine, 1)
    await engine.snapshots.take("one", replace=True)
    await engine.snapshots.restore("one")
    assert await _count(engine) == before + 1


@contextmanager
def _full_disk(most_bytes: int) -> Iterator[None]:
    """No file of this process may be longer: SQLite meets what it meets on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_leaves_the_state_and_no_half_a_snapshot(engine: Engine, file: Path) -> None:
    await _send(engine, 400, size=2_000)
    await engine.snapshots.take("one")
    await _send(engine, 400, size=2_000)
    before = await _count(engine)
    size = _snapshot_file(file, "one").stat().st_size
    with _full_disk(size // 2):
        with pytest.raises(StorageError, match=r"could not write the snapshot.*Nothing was changed"):
            await engine.snapshots.take("two")
        with pytest.raises(StorageError, match=r"could not write the snapshot.*Nothing was changed"):
            await engine.snapshots.take("one", replace=True)
        with pytest.raises(StorageError, match=r"could not replace the state.*Nothing was changed"):
            await engine.snapshots.restore("one")
    # There is room for the copy, but not for the log through which it takes the place of the state.
    with (
        _full_disk(size + 4096),
        pytest.raises(StorageError, match=r"could not replace the state.*Nothing was changed"),
    ):
        await engine.snapshots.restore("one")
    assert await _count(engine) == before
    assert [path.name for path in _snapshot_file(file, "one").parent.iterdir()] == ["one.db"]
    await _send(engine, 1)
    assert await _count(engine) == before + 1
    await engine.snapshots.restore("one")
    assert await _count(engine) == 400


async def test_a_folder_that_cannot_be_made_is_named(engine: Engine, file: Path) -> None:
    _snapshot_file(file, "one").parent.write_text("in the way")
    with pytest.raises(StorageError, match="could not write the snapshot"):
        await engine.snapshots.take("one")
    with pytest.raises(StorageError, match="could not replace the state"):
        await engine.snapshots.reset()


async def test_nobody_takes_or_restores_while_time_is_moved(engine: Engine) -> None:
    await engine.snapshots.take("one")
    async with engine.time.moving:
        restoring = asyncio.create_task(engine.snapshots.restore("one", timeout_s=7))
        clock = engine._clock
        assert isinstance(clock, ManualClock)
        await clock.somebody_waits()
        await clock.advance(7)
        with pytest.raises(StillCalledError, match="moving the engine's time"):
            await restoring
    await engine.snapshots.restore("one")


@pytest.mark.parametrize("turns", [*range(16), 24, 32])
async def test_an_engine_that_closes_during_a_restore_leaves_one_state_and_nobody_waiting(
    file: Path, turns: int
) -> None:
    engine = await Engine.open(EngineConfig(data_file=file), clock=ManualClock(NOW_MS))
    await _send(engine, 1)
    await engine.snapshots.take("one")
    await _send(engine, 2)
    restoring = asyncio.create_task(engine.snapshots.restore("one"))
    for _ in range(turns):
        await asyncio.sleep(0)
    counting = asyncio.create_task(_count(engine))
    async with asyncio.timeout(60):
        await engine.close()
        outcomes = await asyncio.gather(restoring, counting, return_exceptions=True)
    for outcome in outcomes:
        assert not isinstance(outcome, Exception) or isinstance(outcome, EngineClosedError)
    async with await Engine.open(EngineConfig(data_file=file)) as engine:
        assert await _count(engine) in {1, 3}


async def test_whoever_asks_while_the_engine_closes_is_told_so(file: Path) -> None:
    engine = await Engine.open(EngineConfig(data_file=file), clock=ManualClock(NOW_MS))
    await engine.snapshots.take("one")
    restoring = asyncio.create_task(engine.snapshots.restore("one"))
    await engine.close()
    for call in (restoring, engine.snapshots.list(), engine.snapshots.take("two")):
        with pytest.raises(EngineClosedError):
            await call


async def test_numbers_that_were_handed_out_are_never_handed_out_again(engine: Engine) -> None:
    def numbers(connection: sqlite3.Connection) -> dict[str, int]:
        return {row[0]: row[1] for row in connection.execute("SELECT name, seq FROM sqlite_sequence")}

    await engine.snapshots.take("one")
    await engine._database.transact(
        lambda tables: tables.runs._connection.execute(
            "INSERT OR REPLACE INTO sqlite_sequence (name, seq) VALUES ('queue_item', 70), ('double', 9)"
        )
    )
    await engine.snapshots.restore("one")
    assert await engine._database.alone(numbers) == {"queue_item": 70, "double": 9}
    await engine.snapshots.reset()
    assert await engine._database.alone(numbers) == {"queue_item": 70, "double": 9}


_RESTLESS = """
import asyncio, sys
from pathlib import Path
from durable_engine import Engine, EngineConfig, NewEvent

async def main():
    async with await Engine.open(EngineConfig(data_file=Path(sys.argv[1]))) as engine:
        if not await engine.snapshots.list():
            for name, count in (("few", 300), ("many", 1500)):
                await engine.snapshots.reset()
                event = NewEvent(name="t/x", data={"text": "x" * 2000})
                await engine.send_events([event] * count)
                await engine.time.advance(by_ms=count * 3_600_000, patience_s=30)
                await engine.snapshots.take(name)
        print("ready", flush=True)
        while True:
            for name in ("few", "many"):
                await engine.snapshots.restore(name)

asyncio.run(main())
"""


async def test_a_kill_during_a_restore_leaves_one_state_or_the_other(file: Path) -> None:
    for wait_ms in (3, 11, 20, 29, 41, 53, 64, 77):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _RESTLESS, str(file), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        await asyncio.sleep(wait_ms / 1_000)
        process.kill()
        await process.wait()
        async with await Engine.open(EngineConfig(data_file=file)) as engine:
            count = await _count(engine)
            assert engine.time.shift_ms == pytest.approx(count * 3_600_000, abs=60_000)
            check = await engine._database.transact(
                lambda tables: tables.runs._connection.execute("PRAGMA integrity_check").fetchone()[0]
            )
        assert check == "ok"
        assert count in {300, 1_500}
