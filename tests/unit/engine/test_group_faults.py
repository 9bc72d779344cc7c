"""What a group of work leaves behind when the disk fails in the middle of it: nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from engine_tables import World, a_function, an_event, ref
from scripted_app import App, engine_for, opcodes, result, settle, start

from durable_engine.model.history import HistoryKind
from durable_engine.model.pause import Pause
from durable_engine.model.plan import Conditions
from durable_engine.model.run import Timeline
from durable_engine.model.status import RunStatus
from durable_engine.storage.database import Database
from durable_engine.storage.history_table import HistoryTable
from durable_engine.storage.tables import Tables

pytestmark = pytest.mark.anyio


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
