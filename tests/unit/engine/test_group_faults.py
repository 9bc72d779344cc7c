"""What a group of work leaves behind when the disk fails in the middle of it: nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

import httpx
import pytest
from engine_tables import a_function, an_app, an_event, ref
from scripted_app import App, engine_for, opcodes, result, settle, start

from durable_engine.errors import DiskFullError
from durable_engine.model.double import Double, MockError
from durable_engine.model.history import HistoryKind
from durable_engine.model.pause import Pause
from durable_engine.model.run import Run, Timeline
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.step import Step
from durable_engine.storage.database import Database
from durable_engine.storage.history_table import HistoryTable
from durable_engine.storage.tables import Tables

pytestmark = pytest.mark.anyio
_DOUBLE = Double(
    id=0,
    function_id=a_function().id,
    step="x",
    index=None,
    outcomes=(MockError(message="no"),),
    times=None,
    scope=None,
    created_ms=1,
    expires_ms=2,
)


def _disk_full() -> sqlite3.OperationalError:
    fault = sqlite3.OperationalError("database or disk is full")
    fault.sqlite_errorcode = sqlite3.SQLITE_FULL
    return fault


async def test_what_a_sequel_took_is_not_worked_on_when_its_history_finds_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(body: dict[str, Any]) -> httpx.Response:
        if body["event"]["name"] != "t/parent" or body["steps"]:
            return result()
        invoke = {"op": "InvokeFunction", "id": "hash-x", "userland": {"id": "x"}}
        return opcodes({**invoke, "opts": {"function_id": "lab-child", "payload": {"data": {}}}})

    store, failed = HistoryTable.store, 0

    def no_room(table: HistoryTable) -> None:
        nonlocal failed
        if failed < 2 and any(row[2] == HistoryKind.RUN_STARTED.value for row in table._coming):
            failed += 1  # of the bold try, and of the sequel in the careful one
            raise _disk_full()
        store(table)

    app = App(answer)
    app.gate.clear()
    async with engine_for(app, "parent", "child") as engine:
        run_id = await start(engine, "t/parent")
        await app.called(1)
        monkeypatch.setattr(HistoryTable, "store", no_room)
        app.gate.set()
        await settle(engine)
        view = await engine.get_run(run_id)
    assert failed == 2
    assert view.status is RunStatus.COMPLETED
    assert len(app.bodies) == 3  # parent, child, parent: nobody's code ran twice


async def test_what_is_removed_in_a_transaction_that_fails_is_there_again() -> None:
    function, event = a_function(), an_event()
    run = Run(id="r", function_id=function.id, event_id=event.id, status=RunStatus.QUEUED, queued_ms=1)
    times = Timeline(id="r")

    def give(tables: Tables) -> None:
        tables.registry.save(an_app(), [function])
        tables.events.insert(event)
        tables.runs.insert(replace(run, timeline_id="r"))
        tables.timelines.open(times)
        kind = StepKind.WAIT_FOR_EVENT
        waits = Step(ref=ref("wait"), kind=kind, status=StepStatus.WAITING, queued_ms=1)
        tables.steps.save("r", waits)
        tables.pauses.insert(Pause(run_id="r", step_id="hash-wait", event_name="t/go"))
        tables.doubles.insert(_DOUBLE)

    def look(tables: Tables) -> tuple[int, int, bool]:
        return (
            len(tables.timelines.all()),
            len(tables.pauses.candidates("t/go", {"event": {}})),
            tables.doubles.exist(),
        )

    def remove(tables: Tables) -> None:
        tables.timelines.close(times)
        tables.pauses.close("r", "hash-wait")
        tables.doubles.delete(1)
        assert look(tables) == (0, 0, False)
        raise _disk_full()

    database = await Database.open(None)
    try:
        await database.transact(give)
        with pytest.raises(DiskFullError):
            await database.transact(remove)
        assert await database.transact(look) == (1, 1, True)
    finally:
        await database.close()


async def test_a_sequel_in_which_the_disk_is_full_says_so_when_sqlite_ends_the_transaction() -> None:
    def follow(tables: Tables, _: list[Any]) -> None:
        tables.runs._connection.execute("ROLLBACK")  # as SQLite does when it cannot go on
        raise _disk_full()

    database = await Database.open(None)
    try:
        with pytest.raises(DiskFullError):
            await database.transact(lambda _: None, then=follow, may_repeat=True)
        assert isinstance(database.outage.fault, DiskFullError)
    finally:
        await database.close()
