"""A data file that cannot be used while the engine runs: what callers see, what waits, and how it goes on."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine_tables import an_event
from scripted_app import (
    PATIENCE_S,
    App,
    engine_for,
    opcodes,
    registration,
    result,
    settle,
    start,
    step_run,
)

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent, RunStatus, build_app
from durable_engine.errors import DataFileDamagedError, DiskFullError, StorageError
from durable_engine.sdk.client import SDKClient
from durable_engine.storage.database import Database
from durable_engine.storage.history_table import HistoryTable
from durable_engine.storage.tables import Tables

pytestmark = pytest.mark.anyio
_RETRY_S = 5
_LARGE = "x" * 200_000


async def _room(engine: Engine, pages: int | None) -> None:
    """Let the data file grow by so many pages and no more, as on a disk that is full; None is no limit."""

    def limit(connection: sqlite3.Connection) -> None:
        (count,) = connection.execute("PRAGMA page_count").fetchone()
        most = 1_000_000 if pages is None else count + pages
        connection.execute(f"PRAGMA max_page_count = {most}")

    await engine._database.alone(limit)


async def _fault(engine: Engine) -> str:
    return " ".join((await engine.inventory()).storage_fault or ())


async def _until(clock: ManualClock, is_so: Callable[[], bool]) -> None:
    """Let the engine try again, until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await clock.somebody_waits()
            await clock.advance(_RETRY_S)
            await asyncio.sleep(0)


async def _send(engine: Engine, size: int = 10) -> None:
    await engine.send_event(NewEvent(name="t/nobody", data={"text": "x" * size}))


async def test_a_full_disk_refuses_events_says_so_once_and_goes_on_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    async with engine_for(App(), data_file=tmp_path / "engine.db", clock=clock) as engine:
        await _room(engine, 0)
        with caplog.at_level(logging.INFO):
            for _ in range(20):
                with pytest.raises(DiskFullError, match=r"The disk is full: the data file .*engine\.db"):
                    await _send(engine, 50_000)
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert caplog.records[0].exc_info is None
        assert "The disk is full" in await _fault(engine)
        page = await engine.records.events(limit=10)
        assert not page.events  # nothing of what was refused is there; reading works

        await _room(engine, None)
        await _send(engine, 50_000)  # who sends again need not wait for anything
        with caplog.at_level(logging.INFO):
            await _until(clock, lambda: engine._database.outage.fault is None)
        assert "can be used again" in caplog.messages[-1]
        assert len((await engine.records.events(limit=10)).events) == 1


async def test_the_http_api_answers_503_in_the_form_that_sdks_read_and_try_again(tmp_path: Path) -> None:
    async with engine_for(App(), data_file=tmp_path / "engine.db") as engine:
        transport = httpx.ASGITransport(build_app(engine), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http:
            await _room(engine, 0)
            events = await http.post("/e/key", json={"name": "t/x", "data": {"text": _LARGE}})
            sync = await http.post("/fn/register", json=registration(*(f"f{n}" for n in range(200))))
            listed = await http.get("/v1/events")
            assert (await http.get("/health")).status_code == 200
            await _room(engine, None)
    body = events.json()
    assert (events.status_code, events.headers["retry-after"]) == (503, "5")
    assert (body["ids"], body["status"]) == ([], 503)
    assert "disk is full" in body["error"]
    assert "Free some room" in body["hint"]
    assert (sync.status_code, listed.status_code) == (503, 200)
    assert not listed.json()["data"]


async def test_answers_in_hand_wait_for_room_and_no_code_runs_twice(tmp_path: Path) -> None:
    async def large(body: dict[str, Any]) -> httpx.Response:
        return result(_LARGE) if body["steps"] else opcodes(step_run("first", _LARGE))

    app, clock = App(large), ManualClock()
    app.gate.clear()
    async with engine_for(app, data_file=tmp_path / "engine.db", clock=clock) as engine:
        runs = [await start(engine) for _ in range(10)]
        await app.called(10)
        await _room(engine, 20)
        app.gate.set()
        async with asyncio.timeout(PATIENCE_S):
            await engine._database.outage.begun()
        for _ in range(3):  # tried again in vain
            await clock.somebody_waits()
            await clock.advance(_RETRY_S)
        view = await engine.get_run(runs[0])
        assert view.status is RunStatus.RUNNING
        assert view.storage_fault is not None
        assert "The disk is full" in view.storage_fault[0]
        await _room(engine, None)
        await _until(clock, lambda: engine._database.outage.fault is None)
        await settle(engine)
        views = [await engine.get_run(run_id) for run_id in runs]
    assert {view.status for view in views} == {RunStatus.COMPLETED}
    assert len(app.bodies) == 10 * 2


async def test_one_answer_that_finds_no_room_does_not_hold_up_the_small_ones(tmp_path: Path) -> None:
    async def some_large(body: dict[str, Any]) -> httpx.Response:
        return result("x" * 1_000_000 if body["event"]["data"]["n"] == 0 else "small")

    app, clock = App(some_large), ManualClock()
    app.gate.clear()
    async with engine_for(app, data_file=tmp_path / "engine.db", clock=clock) as engine:
        runs = [await start(engine, n=n) for n in range(6)]
        await app.called(6)
        await _room(engine, 40)
        app.gate.set()
        ended: set[str] = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(ended) < 5:
                await asyncio.sleep(0)
                if engine._database.outage.fault is not None:
                    await clock.somebody_waits()
                    await clock.advance(_RETRY_S)
                views = [await engine.get_run(run_id) for run_id in runs]
                ended = {view.id for view in views if view.status is RunStatus.COMPLETED}
        assert runs[0] not in ended
        await _room(engine, None)
        await _until(clock, lambda: engine._database.outage.fault is None)
        await settle(engine)
        assert (await engine.get_run(runs[0])).status is RunStatus.COMPLETED
    assert len(app.bodies) == 6


async def test_a_call_that_cannot_be_taken_for_want_of_room_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking a call writes a little, which may not fit although the rest of the transaction does."""
    app, clock, real = App(), ManualClock(), HistoryTable.append

    def full(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    async with engine_for(app, data_file=tmp_path / "engine.db", clock=clock) as engine:
        async with engine._dispatcher.held():
            run_id = await start(engine)
            monkeypatch.setattr(HistoryTable, "append", full)
        async with asyncio.timeout(PATIENCE_S):
            await engine._database.outage.begun()
        assert (await engine.get_run(run_id)).status is RunStatus.QUEUED
        monkeypatch.setattr(HistoryTable, "append", real)
        await _until(clock, lambda: engine._database.outage.fault is None)
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED
    assert len(app.bodies) == 1


async def test_an_engine_stops_while_the_disk_is_full_and_the_next_start_calls_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("durable_engine.engine._DRAIN_S", 0)

    async def large(_: dict[str, Any]) -> httpx.Response:
        return result(_LARGE)

    path, app = tmp_path / "engine.db", App(large)
    app.gate.clear()
    engine = await Engine.open(
        EngineConfig(data_file=path, discovers=False), clock=ManualClock(), client=SDKClient(app)
    )
    await engine.register_app(registration("job"))
    run_id = await start(engine)
    await app.called(1)
    await _room(engine, 0)
    app.gate.set()
    async with asyncio.timeout(PATIENCE_S):
        await engine._database.outage.begun()
        with caplog.at_level(logging.INFO):
            await engine.close()
    assert "could not be stored: The disk is full" in caplog.messages[-1]

    again = App(large)
    async with engine_for(again, data_file=path) as engine:
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED
    assert len(again.bodies) == 1


async def test_damage_met_on_the_way_is_told_and_nothing_more_is_written(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    database = await Database.open(path)
    for _ in range(300):
        await database.transact(lambda tables: tables.events.insert(an_event(f"t/{'x' * 200}")))
    await database.close()

    clock = ManualClock()
    config = EngineConfig(data_file=path, discovers=False)
    async with await Engine.open(config, clock=clock, client=SDKClient(App())) as engine:
        await engine.pruning.sweep()  # what was written in good health is in the file
        await engine._database.alone(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(random.Random(7).randbytes(path.stat().st_size // 2))  # noqa: S311 - no secret
        with pytest.raises(DataFileDamagedError, match=r"engine\.db is damaged"):
            await engine._database.read(
                lambda tables: tables.runs._connection.execute(
                    "SELECT sum(length(payload)) FROM event"
                ).fetchone()
            )
        before = path.read_bytes()
        with pytest.raises(DataFileDamagedError, match=r"engine\.db is damaged") as refused:
            await _send(engine)
        assert "move it away" in refused.value.hint
    assert path.read_bytes() == before
    with pytest.raises(DataFileDamagedError):
        await Engine.open(config)


async def test_a_file_that_is_moved_away_takes_no_more_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    path, clock = tmp_path / "engine.db", ManualClock()
    async with engine_for(App(), data_file=path, clock=clock) as engine:
        path.rename(tmp_path / "elsewhere.db")
        with pytest.raises(StorageError, match="moved, deleted or replaced"):
            await _send(engine)
        path.write_bytes(b"another file")
        with pytest.raises(StorageError, match="moved, deleted or replaced"):
            await _send(engine)
        (tmp_path / "elsewhere.db").replace(path)
        await _send(engine)
        run_id = await start(engine)
        await _until(clock, lambda: engine._database.outage.fault is None)
        await settle(engine)
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED


async def test_what_ends_a_transaction_is_told_to_all_who_shared_it(tmp_path: Path) -> None:
    """SQLite itself ends a transaction that meets a fault of the disk: the savepoints in it are gone."""
    database = await Database.open(tmp_path / "engine.db")

    def fail(tables: Tables) -> None:
        tables.events.insert(an_event())
        tables.runs._connection.execute("ROLLBACK")
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    writes = [
        asyncio.ensure_future(database.transact(work))
        for work in (lambda tables: tables.events.insert(an_event()), fail)
        for _ in range(3)
    ]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(outcome, DiskFullError) for outcome in outcomes[3:])
    assert not [outcome for outcome in outcomes if isinstance(outcome, sqlite3.Error)]
    assert await database.transact(lambda tables: tables.events.insert(an_event()))
    await database.close()
