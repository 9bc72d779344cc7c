# ruff: noqa: ASYNC240 - files of a test are small
"""Opening the data file: what is refused before anything is written, in which words, and who may read it."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from engine_tables import a_function, an_app, an_event

from durable_engine import Engine, EngineConfig
from durable_engine.errors import (
    DataFileBusyError,
    DataFileDamagedError,
    DiskFullError,
    SchemaVersionError,
    StorageError,
)
from durable_engine.storage import data_file
from durable_engine.storage.database import Database
from durable_engine.storage.file_faults import in_words

pytestmark = pytest.mark.anyio
_PAGE = 4096
_NOBODY = 65_534


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A data file with some dozens of pages, closed."""
    path = tmp_path / "engine.db"
    database = await Database.open(path)
    await database.transact(lambda tables: tables.registry.save(an_app(), [a_function()]))
    for _ in range(200):
        await database.transact(lambda tables: tables.events.insert(an_event(f"t/{'x' * 200}")))
    await database.close()
    return path


async def _refusal(path: Path) -> StorageError:
    """Return with what a file is refused; it and what is beside it must be as before."""
    before = _content(path.parent)
    with pytest.raises(StorageError) as refused:
        await Database.open(path)
    assert _content(path.parent) == before
    assert str(path) in str(refused.value)
    assert refused.value.hint
    return refused.value


def _content(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.suffix != ".lock" and not path.name.endswith("-shm")
    }


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- not ours, too new, damaged ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE theirs (x);",
        "PRAGMA application_id = 77;",
        "PRAGMA user_version = 3;",
        "PRAGMA application_id = 77; PRAGMA user_version = 99; CREATE TABLE theirs (x);",
        "PRAGMA journal_mode = WAL; CREATE TABLE theirs (x);",
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
async def test_a_database_of_another_program_is_refused_and_nothing_in_it_is_changed(
    tmp_path: Path,
    script: str,
    is_open: bool,  # noqa: FBT001
) -> None:
    path = tmp_path / "engine.db"
    theirs = sqlite3.connect(path)
    theirs.executescript(script)
    if not is_open:
        theirs.close()
    refused = await _refusal(path)
    assert "database of another program" in str(refused)
    if is_open:
        theirs.execute("CREATE TABLE more (x)")  # it works on
        theirs.close()


async def test_an_unfinished_log_of_another_program_is_left_to_it(tmp_path: Path) -> None:
    path, copy = tmp_path / "engine.db", tmp_path / "copy" / "engine.db"
    theirs = sqlite3.connect(path)
    theirs.executescript("PRAGMA journal_mode = WAL; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);")
    copy.parent.mkdir()
    for suffix in ("", "-wal"):  # as it is after the program was killed
        Path(f"{copy}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    theirs.close()
    assert "database of another program" in str(await _refusal(copy))
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT x FROM theirs").fetchall() == [(1,)]
    connection.close()


async def test_a_new_file_whose_maker_was_killed_before_its_first_table_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    await (await Database.open(path)).close()


async def test_our_own_log_alone_says_that_a_file_is_ours(file: Path, tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "new.db")
    await database.transact(lambda tables: tables.registry.save(an_app(), [a_function()]))
    copy = tmp_path / "copy" / "new.db"
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        Path(f"{copy}{suffix}").write_bytes((tmp_path / f"new.db{suffix}").read_bytes())
    await database.close()
    again = await Database.open(copy)
    assert await again.read(lambda tables: tables.registry.functions()) == [a_function()]
    await again.close()


async def test_a_newer_file_is_named(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    refused = await _refusal(file)
    assert isinstance(refused, SchemaVersionError)
    assert "version 99" in str(refused)


@pytest.mark.parametrize("damage", ["cut", "short", "zeros", "text", "pages", "last page"])
async def test_a_damaged_file_is_refused_and_left_as_it_is(file: Path, damage: str) -> None:
    content = bytearray(file.read_bytes())
    noise = random.Random(7).randbytes  # noqa: S311 - no secret
    match damage:
        case "cut":
            del content[len(content) // 2 :]
        case "short":
            del content[50:]
        case "zeros":
            content[:] = bytes(2 * _PAGE)
        case "text":
            content[:] = b"no database, but long enough to be one. " * 200
        case "pages":
            content[_PAGE : 20 * _PAGE] = noise(19 * _PAGE)
        case "last page":
            content[-_PAGE:] = noise(_PAGE)
    file.write_bytes(content)
    refused = await _refusal(file)
    assert isinstance(refused, DataFileDamagedError)
    assert "move it away" in refused.hint
    assert ".recover" in refused.hint


async def test_a_large_file_is_looked_through_only_after_a_crash(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(file.read_bytes())
    content[-_PAGE:] = random.Random(7).randbytes(_PAGE)  # noqa: S311 - no secret
    file.write_bytes(content)
    monkeypatch.setattr(data_file, "_CHECKED_BYTES", len(content) - 1)
    await (await Database.open(file)).close()
    log = Path(f"{file}-wal")
    log.write_bytes(b"left by a process that was killed")
    with pytest.raises(DataFileDamagedError):
        await Database.open(file)
    monkeypatch.setattr(data_file, "_CHECKED_AFTER_CRASH_BYTES", len(content) - 1)
    log.write_bytes(b"left by a process that was killed")
    await (await Database.open(file)).close()


async def test_garbage_beside_the_file_is_no_obstacle(file: Path) -> None:
    for suffix in ("-wal", "-shm", ".lock", ".pid"):
        Path(f"{file}{suffix}").write_bytes(os.urandom(40_000))
    database = await Database.open(file)
    assert await database.read(lambda tables: tables.registry.functions()) == [a_function()]
    await database.close()


# --- places that will not do -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "below a file", "long name", "wal folder"])
async def test_a_place_that_cannot_hold_a_data_file_is_named_with_what_to_do(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "engine.db"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case "below a file":
            path.write_text("")
            path = path / "engine.db"
        case "long name":
            path = tmp_path / ("x" * 300)
        case "wal folder":
            Path(f"{path}-wal").mkdir()
    with pytest.raises(StorageError) as refused:
        await Database.open(path)
    assert "--in-memory" in refused.value.hint
    assert str(tmp_path)[:40] in str(refused.value)


@contextmanager
def _as_somebody_else() -> Iterator[None]:
    """Root may write everywhere."""
    if os.geteuid() == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can get to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        folder.chmod(0o700)


@pytest.mark.parametrize("what", ["file", "folder", "wal"])
async def test_what_may_only_be_read_is_refused_with_the_rights_that_are_missing(
    open_folder: Path, what: str
) -> None:
    path = open_folder / "engine.db"
    await (await Database.open(path)).close()
    for found in open_folder.iterdir():
        found.chmod(0o666)
    if what == "wal":
        Path(f"{path}-wal").touch(mode=0o444)
    else:
        (path if what == "file" else open_folder).chmod(0o444 if what == "file" else 0o555)
    with _as_somebody_else(), pytest.raises(StorageError, match="cannot be written") as refused:
        await Database.open(path)
    assert "Allow this user to write" in refused.value.hint


async def test_a_disk_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(*_: object, **__: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(data_file.FileLock, "acquire", acquire)
    with pytest.raises(StorageError, match="cannot be shared safely: no locks"):
        await Database.open(tmp_path / "engine.db")


async def test_a_disk_without_shared_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect

    def without_locks(path: str, **kwargs: object) -> sqlite3.Connection:
        return real(f"file:{path}?vfs=unix-none", uri=True, **kwargs)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(data_file.sqlite3, "connect", without_locks)
    with pytest.raises(StorageError, match="cannot be shared safely: no write-ahead log"):
        await Database.open(tmp_path / "engine.db")


def test_a_full_disk_is_told_whatever_reports_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError) as met:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    for error in (met.value, OSError(28, "No space left on device")):
        fault = in_words(error, tmp_path / "engine.db")
        assert isinstance(fault, DiskFullError)
        assert "Free some room" in fault.hint


async def test_a_file_that_another_program_has_locked_is_named(file: Path) -> None:
    viewer = sqlite3.connect(file, isolation_level=None)
    viewer.execute("BEGIN IMMEDIATE")
    real = sqlite3.connect

    def impatient(*args: object, **kwargs: object) -> sqlite3.Connection:
        return real(*args, **{**kwargs, "timeout": 0})  # type: ignore[call-overload, no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_file.sqlite3, "connect", impatient)
        with pytest.raises(StorageError, match="locked by another"):
            await Database.open(file)
    viewer.close()
    await (await Database.open(file)).close()


# --- who holds it, and who may read it ---------------------------------------------------------------


async def test_a_second_engine_is_told_who_holds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    async with await Engine.open(EngineConfig(data_file=path, discovers=False)) as engine:
        with pytest.raises(DataFileBusyError, match=r"another Stepcue \(in this process\)"):
            await Database.open(path)
        engine.keep_apps_in_sync(own_port=8299)
        note = path.with_name("engine.db.pid")
        assert note.read_text() == f"{os.getpid()} 8299"
        note.write_text(f"{os.getppid()} 8299")
        with pytest.raises(DataFileBusyError, match=rf"\(process {os.getppid()}, http://127\.0\.0\.1:8299\)"):
            await Database.open(path)
        for unknown in ("", "99999999999", "no number", "\udcff"):
            note.write_bytes(unknown.encode(errors="surrogateescape"))
            with pytest.raises(DataFileBusyError, match=r"by another Stepcue\."):
                await Database.open(path)
    assert not note.exists()


async def test_a_link_to_a_file_is_that_file(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(file)
    database = await Database.open(link)
    with pytest.raises(DataFileBusyError):
        await Database.open(file)
    await database.close()


async def test_the_folder_and_all_files_in_it_are_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "engine.db"
    before = os.umask(0)
    try:
        database = await Database.open(path)
        database.say_where(8288)
        await database.transact(lambda tables: tables.registry.save(an_app(), []))
    finally:
        os.umask(before)
    modes = {found.name: _mode(found) for found in path.parent.iterdir()}
    assert modes.keys() == {f"engine.db{suffix}" for suffix in ("", "-wal", "-shm", ".lock", ".pid")}
    assert set(modes.values()) == {0o600}
    assert _mode(path.parent) == 0o700
    await database.close()


async def test_an_older_file_is_closed_to_others_and_its_folder_left_as_it_is(file: Path) -> None:
    file.chmod(0o664)
    file.parent.chmod(0o755)
    await (await Database.open(file)).close()
    assert _mode(file) == 0o600
    assert _mode(file.parent) == 0o755


async def test_an_engine_that_cannot_be_opened_lets_go_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise sqlite3.OperationalError("no such table: run")

    with monkeypatch.context() as patch:
        patch.setattr("durable_engine.storage.tables.Tables.take_back", fail)
        with pytest.raises(sqlite3.OperationalError):
            await Engine.open(EngineConfig(data_file=file))
    await (await Database.open(file)).close()
